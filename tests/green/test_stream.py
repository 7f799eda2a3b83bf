from __future__ import annotations

import socket
import struct
import time

import pytest

from eventd import green
from eventd.green import turns as turns_module
from eventd.green.stream import FIRST_READ, LEAST_READ
from eventd.green.turns import TURN
from tests.green.support import on_hub, pair, tcp_pair, until

BIG = 4 * 1024 * 1024


@on_hub
def test_what_is_sent_is_received_until_the_end():
    stream, peer = pair()
    peer.send(b"one")
    assert stream.recv() == b"one"
    peer.send(b"two")
    peer.close()
    assert stream.recv() == b"two"
    assert stream.recv() == b""
    assert stream.recv() == b""
    stream.close()


@on_hub
def test_nothing_is_read_while_nobody_asks():
    stream, peer = pair()
    peer.send(b"first")
    assert stream.recv() == b"first"
    peer.setblocking(False)
    sent = 0
    try:
        while True:
            sent += peer.send(b"x" * 10_000)
            green.sleep(0)
    except BlockingIOError:
        assert sent < 10_000_000
    passes = green.hub().passes
    green.sleep(0.02)
    # Held back without turning: the hub is not woken for what nobody takes.
    assert green.hub().passes - passes < 10

    got = 0
    while got < sent:
        got += len(stream.recv())
    assert got == sent
    stream.close()
    peer.close()


def fill(peer: socket.socket) -> None:
    peer.setblocking(False)
    try:
        while True:
            peer.send(b"x" * 100_000)
    except BlockingIOError:
        pass


def hold(seconds: float) -> None:
    """What an owner does with what it read: hold the loop."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


@on_hub
def test_more_is_read_at_once_while_its_owner_is_quick_and_less_when_it_is_not(monkeypatch):
    stream, peer = pair()
    fill(peer)
    with monkeypatch.context() as patience:
        # A machine that is busy meanwhile does not make it slow.
        patience.setattr(turns_module, "TURN", 1e6)
        patience.setattr(turns_module, "SHORT_TURN", 1e6)
        assert [len(stream.recv()) for _ in range(4)] == [FIRST_READ * factor for factor in (1, 2, 4, 8)]
    hold(4 * TURN)
    assert LEAST_READ <= len(stream.recv()) <= 2 * FIRST_READ
    hold(100 * TURN)
    assert len(stream.recv()) == LEAST_READ
    stream.close()
    peer.close()


@on_hub
def test_a_flood_lets_others_run():
    stream, peer = pair(read_size=1024)
    fill(peer)
    turns = 0
    going = True

    def other() -> None:
        nonlocal turns
        while going:
            turns += 1
            green.sleep(0)

    group = green.Group("test")
    group.spawn("other", other)
    reads = 0
    for _ in range(50):
        reads += bool(stream.recv())
        hold(TURN / 4)
    going = False

    assert reads == 50
    assert turns >= 10
    group.stop(1)
    stream.close()
    peer.close()


@on_hub
def test_abort_ends_the_owners_wait_and_the_owner_closes():
    stream, peer = pair()
    group = green.Group("test")
    got: list[bytes] = []
    group.spawn("owner", lambda: (got.append(stream.recv()), stream.close()))
    green.sleep(0)
    assert stream.waiting
    stream.abort()
    stream.abort()
    until(lambda: got == [b""])

    assert peer.recv(10) == b""
    assert stream.fileno() == -1
    peer.close()


@on_hub
def test_abort_while_the_owner_is_busy_is_seen_at_its_next_recv():
    stream, peer = pair()
    peer.send(b"unread")
    stream.abort()

    assert stream.recv() == b""
    stream.write(b"thrown away")
    assert stream.buffered == 0
    assert stream.drain(1) is False
    stream.close()
    peer.close()


@on_hub
def test_closing_under_a_waiting_owner_wakes_it():
    """With eventlet's sockets the reader would wait for ever, or meet the next owner of the number."""
    stream, peer = pair()
    group = green.Group("test")
    got: list[bytes] = []
    group.spawn("owner", lambda: got.append(stream.recv()))
    green.sleep(0)
    stream.close()
    stream.close()
    until(lambda: got == [b""])
    peer.close()


@on_hub
def test_what_came_before_the_peer_went_is_read_even_when_writing_already_failed():
    stream, peer = pair()
    peer.send(b"the last event")
    peer.close()
    stream.write(b"an ack that finds nobody")
    green.sleep(0)
    green.sleep(0)
    assert stream.closed
    assert stream.recv() == b"the last event"
    assert stream.recv() == b""
    stream.close()


@on_hub
def test_end_input_ends_reading_but_not_writing():
    stream, peer = pair()
    group = green.Group("test")

    def owner() -> None:
        assert stream.recv() == b""
        stream.write(b"the last word")
        assert stream.drain(5)
        stream.close()

    group.spawn("owner", owner)
    green.sleep(0)
    stream.end_input()
    assert group.stop(5)
    assert peer.recv(100) == b"the last word"
    peer.close()


@on_hub
def test_a_reset_is_the_end_for_reader_and_writer():
    ours, theirs = tcp_pair()
    stream = green.Stream(ours)
    group = green.Group("test")
    got: list[bytes] = []
    group.spawn("owner", lambda: got.append(stream.recv()))
    green.sleep(0)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()
    until(lambda: got == [b""])
    stream.write(b"x")
    green.sleep(0)
    green.sleep(0)

    assert stream.closed
    assert stream.drain(1) is False
    stream.close()


@on_hub
def test_lingering_lets_the_answer_arrive_while_the_peer_still_sends():
    ours, theirs = tcp_pair()
    stream, peer = green.Stream(ours), green.Stream(theirs)
    peer.write(b"x" * BIG)
    group = green.Group("test")

    def refuse() -> None:
        stream.recv()
        stream.write(b"too large")
        stream.linger(5)
        stream.close()

    group.spawn("refuse", refuse)
    assert peer.recv() == b"too large"
    peer.close()
    assert group.stop(5)


@on_hub
def test_lingering_has_an_end():
    stream, peer = pair()
    began = time.monotonic()
    stream.linger(0.02)

    assert 0.02 <= time.monotonic() - began < 2
    stream.close()
    peer.close()


@on_hub
def test_two_readers_are_a_mistake_that_is_told():
    stream, peer = pair()
    group = green.Group("test")
    group.spawn("owner", stream.recv)
    green.sleep(0)
    with pytest.raises(RuntimeError, match="two green threads"):
        stream.recv()
    peer.close()
    assert group.stop(1)
    stream.close()


@on_hub
def test_a_killed_reader_leaves_a_stream_that_can_be_read():
    stream, peer = pair()
    group = green.Group("test")
    reader = group.spawn("owner", stream.recv)
    green.sleep(0)
    reader.kill()
    until(lambda: reader.dead)
    peer.send(b"x")
    green.sleep(0.005)

    assert not stream.waiting
    assert stream.recv() == b"x"
    stream.close()
    peer.close()


@on_hub
def test_reading_and_writing_at_once():
    ours, theirs = tcp_pair()
    streams = [green.Stream(ours), green.Stream(theirs)]
    group = green.Group("test")
    got = [0, 0]

    def read(which: int) -> None:
        while got[which] < BIG:
            got[which] += len(streams[which].recv())

    for which in (0, 1):
        group.spawn("reader", read, which)
    for _ in range(BIG // 65_536):
        for stream in streams:
            stream.write(b"x" * 65_536)
    assert group.stop(10)
    assert got == [BIG, BIG]
    for stream in streams:
        assert stream.drain(1)
        stream.close()


@on_hub
def test_it_knows_when_it_heard_last_and_from_whom():
    ours, theirs = tcp_pair()
    stream = green.Stream(ours)
    green.sleep(0.01)
    before = time.monotonic()
    theirs.send(b"x")
    stream.recv()

    assert before <= stream.last_read <= time.monotonic()
    assert stream.peer == f"127.0.0.1:{theirs.getsockname()[1]}"
    theirs.close()
    stream.close()
    assert stream.peer == "gone"
    unix, peer = pair()
    assert unix.peer == "unix"
    unix.close()
    peer.close()
