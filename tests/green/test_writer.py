from __future__ import annotations

import socket

from eventd import green
from tests.green.support import on_hub, pair, until

BIG = 4 * 1024 * 1024


@on_hub
def test_writes_of_one_pass_are_sent_together():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    stream = green.Stream(ours)
    for number in range(10):
        stream.write(b"%d" % number)
    assert stream.buffered == 10
    assert stream.drain(5)
    # A sequential packet socket keeps what was sent by one call apart from what another sent.
    assert theirs.recv(100) == b"0123456789"
    stream.close()
    theirs.close()


@on_hub
def test_a_slow_reader_gets_all_of_it_and_holds_nobody():
    stream, peer = pair()
    payload = bytes(range(256)) * (BIG // 256)
    for start in range(0, BIG, 65_536):
        stream.write(payload[start : start + 65_536])
    assert stream.drain(0.01) is False
    assert 0 < stream.buffered < BIG
    reader, got = green.Stream(peer), bytearray()

    def read() -> None:
        while len(got) < BIG:
            got.extend(reader.recv())

    group = green.Group("test")
    group.spawn("reader", read)
    assert stream.drain(5)
    assert group.stop(5)
    assert bytes(got) == payload
    stream.close()
    reader.close()


@on_hub
def test_too_much_unsent_is_told_to_who_wants_to_know():
    stream, peer = pair(write_limit=1_000_000)
    told: list[int] = []
    stream.over = lambda: (told.append(stream.buffered), stream.abort())
    for _ in range(100):
        stream.write(b"x" * 65_536)
        green.sleep(0)

    assert len(told) == 1
    assert 1_000_000 < told[0] < 1_200_000
    assert stream.closed
    assert stream.buffered == 0
    stream.close()
    peer.close()


@on_hub
def test_a_writer_who_waits_hears_of_the_end():
    stream, peer = pair()
    stream.write(b"x" * BIG)
    outcome: list[bool] = []
    group = green.Group("test")
    group.spawn("writer", lambda: outcome.append(stream.drain()))
    green.sleep(0.005)
    peer.close()
    until(lambda: outcome == [False])
    stream.close()


@on_hub
def test_close_sends_what_it_can_without_waiting():
    stream, peer = pair()
    stream.write(b"goodbye")
    stream.close()

    assert peer.recv(100) == b"goodbye"
    peer.close()


@on_hub
def test_a_write_on_the_hub_needs_no_green_thread():
    stream, peer = pair()
    green.hub().call_later(0.001, lambda: stream.write(b"from a timer"))
    reader = green.Stream(peer)
    assert reader.recv() == b"from a timer"
    stream.close()
    reader.close()


@on_hub
def test_an_empty_write_is_none():
    stream, peer = pair()
    stream.write(b"")
    assert stream.buffered == 0
    assert stream.drain(0) is True
    stream.close()
    peer.close()


@on_hub
def test_writers_keep_their_order_while_the_kernel_is_full():
    stream, peer = pair()
    sent = bytearray()
    for number in range(3000):
        data = b"%d," % number * 100
        stream.write(data)
        sent += data
        if number % 100 == 0:
            green.sleep(0)
    reader, got = green.Stream(peer), bytearray()
    while len(got) < len(sent):
        got += reader.recv()

    assert got == sent
    assert stream.drain(1)
    stream.close()
    reader.close()


@on_hub
def test_two_may_wait_for_the_same_bytes_and_one_may_be_killed():
    stream, peer = pair()
    stream.write(b"x" * BIG)
    group, outcome = green.Group("test"), []
    group.spawn("a", lambda: outcome.append(stream.drain(5)))
    killed = group.spawn("b", lambda: outcome.append(stream.drain(5)))
    green.sleep(0.002)
    killed.kill()
    reader, got = green.Stream(peer), 0
    while got < BIG:
        got += len(reader.recv())
    assert group.stop(5)
    assert outcome == [True]
    stream.close()
    reader.close()
