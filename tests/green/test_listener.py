from __future__ import annotations

import os
import socket
import stat

import pytest

from eventd.green import Address, listen, listen_datagram, parse_address

ANY = parse_address("127.0.0.1:0")


def test_two_listeners_never_share_a_port():
    with listen(ANY) as first:
        port = first.getsockname()[1]
        assert first.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) == 0
        with pytest.raises(OSError, match=f"127.0.0.1:{port}: Address already in use"):
            listen(Address("tcp", host="127.0.0.1", port=port))


def test_a_port_is_free_again_at_once():
    with listen(ANY) as first:
        port = first.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted = wait_accept(first)
        # Ours closes first, so that the lingering state is on our side.
        accepted.close()
        client.close()
    with listen(Address("tcp", host="127.0.0.1", port=port)):
        pass


def wait_accept(server: socket.socket) -> socket.socket:
    server.settimeout(5)
    return server.accept()[0]


def test_sockets_do_not_block():
    with listen(ANY) as tcp, listen_datagram(ANY) as udp:
        for call in (tcp.accept, lambda: udp.recv(1)):
            with pytest.raises(BlockingIOError):
                call()


def test_v6_is_only_v6():
    try:
        v6 = listen(parse_address("[::1]:0"))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with v6:
        assert v6.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1


def test_a_unix_socket_is_for_its_owner_and_group(tmp_path):
    path = tmp_path / "a.sock"
    umask = os.umask(0o022)
    try:
        with listen(parse_address(f"unix:{path}")):
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
    finally:
        assert os.umask(umask) == 0o022


def test_the_file_of_a_dead_process_is_replaced_and_that_of_a_living_one_is_not(tmp_path):
    address = parse_address(f"unix:{tmp_path}/a.sock")
    listen(address).close()
    with listen(address), pytest.raises(OSError, match="Address already in use"):
        listen(address)


def test_a_file_that_is_no_socket_is_left_alone(tmp_path):
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(OSError, match="Address already in use"):
        listen(parse_address(f"unix:{path}"))

    assert path.read_text() == "data"


def test_an_inherited_socket_is_found_by_name():
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert listen(parse_address("fd:web"), inherited={"web": server}) is server
        with pytest.raises(OSError, match=r"fd:other: no such inherited socket \(there are: web\)"):
            listen(parse_address("fd:other"), inherited={"web": server})
    with pytest.raises(OSError, match="none"):
        listen(parse_address("fd:other"))
