"""The thread that does input and output."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from eventd.client.address import LOOPBACK, Address, parse
from eventd.client.channel import Channel
from eventd.client.options import Options
from eventd.client.outbox import Publication
from eventd.client.packing import Packer
from eventd.client.questions import Question
from eventd.client.session import Session
from eventd.client.wire import Wire
from tests.client.peer import Peer
from tests.support.wait import until


class Running:
    """A wire with its session."""

    def __init__(self, address: Address, **options: float) -> None:
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        chosen = Options(**options)  # type: ignore[arg-type]
        self.session = Session(address, chosen, self.changed.notify_all)
        self.wire = Wire(self.session, self.lock, address, chosen)

    def __enter__(self) -> Running:
        self.wire.start()
        return self

    def __exit__(self, *error: object) -> None:
        assert self.wire.stop(5)


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_it_connects_and_ends(world):
    with Running(parse(world.url)) as running:
        until(lambda: running.session.connected, what="the connection")

    until(lambda: world.talk.connection.close_code == 1000, what="the farewell")


def test_the_first_address_that_answers_is_taken(world):
    address = parse(world.url)
    assert address.hosts == LOOPBACK
    address = address._replace(hosts=("127.0.0.2", *reversed(LOOPBACK)))

    with Running(address) as running:
        until(lambda: running.session.connected, what="the connection")


def test_a_name_that_nobody_knows_is_told():
    with Running(parse("ws://nobody.invalid")) as running:
        until(lambda: running.session.problem, timeout=30, what="the problem")


def test_a_server_that_does_not_speak_is_left_after_a_while(silent):
    with Running(parse(f"ws://127.0.0.1:{silent}"), open_timeout=0.05) as running:
        until(lambda: "handshake" in (running.session.problem or ""), what="the problem")


def test_a_connection_that_cannot_be_made_is_left_after_a_while():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        with contextlib.ExitStack() as stack:
            for _ in range(4):
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    filler.connect(("127.0.0.1", port))
            with Running(parse(f"ws://127.0.0.1:{port}"), open_timeout=0.05) as running:
                until(lambda: running.session.problem, what="the problem")


def test_a_server_that_takes_much_slowly_is_not_silent(slow):
    with Running(parse(slow.url), ping_interval=0.3, ping_timeout=0.3) as running:
        with running.lock:
            publication = Publication(Packer(json=True).pack({"type": "a", "data": "x" * slow.size}))
            running.session.talk.outbox.add(publication)
        until(slow.done.is_set, timeout=30, what="all to be taken")
        assert running.session.problem is None


def test_it_can_be_ended_while_it_connects(silent, monkeypatch):
    started = threading.Event()

    def reach(self: Wire, sock: socket.socket, target: object) -> bool:
        started.set()
        until(lambda: self._stopping, what="the end")
        return False

    monkeypatch.setattr(Wire, "_reach", reach)
    with Running(parse(f"ws://127.0.0.1:{silent}")):
        assert started.wait(5)


def test_it_can_be_ended_in_the_handshake(silent):
    with Running(parse(f"ws://127.0.0.1:{silent}")) as running:
        until(lambda: running.session.deadline, what="the handshake to begin")


def test_it_can_be_ended_in_a_pause():
    with Running(parse("ws://localhost:1")) as running:
        until(lambda: running.session.problem, what="the first attempt to fail")
        running.session._backoff.pause(longest=True)


def test_a_fault_of_ours_does_not_end_it(world, monkeypatch, caplog):
    begin, faults = Session.begin, [ValueError("a bug")]

    def faulty(self: Session, now: float) -> None:
        if faults:
            raise faults.pop()
        begin(self, now)

    monkeypatch.setattr(Session, "begin", faulty)
    monkeypatch.setattr("eventd.client.backoff.LONGEST", 0.01)
    with Running(parse(world.url)) as running:
        until(lambda: running.session.connected, what="the connection")
    assert "a bug" in caplog.text


def test_a_ring_is_always_heard(world, monkeypatch):
    """Rung while earlier rings are being taken: it must not be taken with them and forgotten."""
    with Running(parse(world.url)) as running:
        until(lambda: running.session.connected, what="the connection")
        wire, heard = running.wire, threading.Event()
        doorbell = wire._doorbell

        class Doorbell:
            def recv(self, size: int) -> bytes:
                if not heard.is_set():
                    heard.set()
                    wire.wake()
                return doorbell.recv(size)

        real_select = wire._selector.select

        def select(seconds: float | None) -> list:
            return [
                (key._replace(fileobj=wire._doorbell) if key.fileobj is doorbell else key, mask)
                for key, mask in real_select(seconds)
            ]

        monkeypatch.setattr(wire._selector, "select", select)
        monkeypatch.setattr(wire, "_doorbell", Doorbell())
        wire.wake()
        until(heard.is_set, what="the first ring to be taken")
        until(lambda: not wire._woken, what="the second one to be done with, too")
        monkeypatch.undo()


class Broken(Channel):
    """A connection whose other side says ``last_words`` and reads no more."""

    last_words: bytes = b""
    other: socket.socket

    def send(self, data: bytes = b"") -> None:
        if data and self.last_words:
            self.other.sendall(self.last_words)
            raise BrokenPipeError
        super().send(data)


def test_the_servers_last_words_count_though_it_reads_no_more():
    running, peer = Running(parse("ws://hub.example.com")), Peer()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    channel = Broken(ours)
    channel.other = theirs

    def serve() -> None:
        with contextlib.suppress(BrokenPipeError):
            running.wire._serve(channel)

    thread = threading.Thread(target=serve)
    thread.start()
    theirs.sendall(peer.take(theirs.recv(10_000)))
    until(lambda: running.session.connected, what="the connection")

    channel.last_words = peer.say("error", code="too_large", message="16 MiB at most") + peer.close(1009)
    with running.lock:
        running.session.talk.questions.ask(Question([">"]))
    running.wire.wake()
    thread.join(10)

    assert running.session.end is not None and running.session.end.code == 1009
    assert running.session.talk.complaint == "too_large: 16 MiB at most"
    theirs.close()
    channel.close()
    running.wire.start()
    assert running.wire.stop(5)
