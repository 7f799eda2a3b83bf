"""URLs of daemons."""

from __future__ import annotations

import pytest

from eventd.client.address import LOOPBACK, parse


@pytest.mark.parametrize(
    ("url", "hosts", "port", "target", "tls"),
    [
        ("ws://hub.example.com", ("hub.example.com",), 80, "/", False),
        ("ws://hub.example.com:8080/events?a=b", ("hub.example.com",), 8080, "/events?a=b", False),
        ("wss://hub.example.com", ("hub.example.com",), 443, "/", True),
        ("wss://10.0.0.1:8443/x", ("10.0.0.1",), 8443, "/x", True),
        ("ws://[2001:DB8::1]:90", ("2001:db8::1",), 90, "/", False),
        ("WS://HUB.example.com", ("hub.example.com",), 80, "/", False),
        ("ws://bücher.example", ("xn--bcher-kva.example",), 80, "/", False),
    ],
)
def test_a_url_names_a_host_a_port_and_a_path(url, hosts, port, target, tls):
    address = parse(url)

    assert (address.hosts, address.port, address.uri.resource_name, address.tls) == (hosts, port, target, tls)
    assert address.unix is None


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "a.localhost", "deep.down.localhost"])
def test_a_name_below_localhost_is_this_machine_whatever_the_resolver_says(host):
    address = parse(f"wss://{host}:8080")

    assert address.hosts == LOOPBACK
    assert address.hostname == host.lower()


@pytest.mark.parametrize("host", ["localhost.example.com", "notlocalhost"])
def test_a_name_that_only_looks_like_it_is_not(host):
    assert parse(f"ws://{host}").hosts == (host,)


def test_a_unix_socket_is_a_path():
    address = parse("unix:/run/eventd/eventd.sock")

    assert address.unix == "/run/eventd/eventd.sock"
    assert not address.tls


@pytest.mark.parametrize("url", ["ws://[::1]:8080/a", "wss://hub.example.com:443/", "unix:/run/eventd.sock"])
def test_an_address_is_told_as_it_was_written(url):
    assert str(parse(url)) == url


@pytest.mark.parametrize(
    "url",
    ["", "hub.example.com", "http://hub.example.com", "ws://", "ws://:80", "ws://hub:port", "ws://hub:70000",
     "ws://hub/#part", "ws://user:password@hub", "unix:relative", "unix:", f"ws://{'a' * 70}.example"],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_no_password_told(url):
    with pytest.raises(ValueError) as caught:
        parse(url)

    assert "password@" not in str(caught.value)
