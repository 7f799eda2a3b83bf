"""A worker's line: messages both ways, questions in the middle of a call, and the end of the daemon."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator

import pytest

from eventd.calls.messages import (
    Answer,
    Ask,
    Call,
    Frames,
    FromWorker,
    Log,
    Ready,
    Setup,
    Stop,
    ToWorker,
    frame,
    from_worker,
)
from eventd.calls.told import tell
from eventd.worker.link import KEPT, MOST_LINE, Gone, Link, LogToDaemon


class Daemon:
    """The other end."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket, self.frames = sock, Frames()

    def say(self, *messages: ToWorker) -> None:
        self.socket.sendall(b"".join(map(frame, messages)))

    def hear(self) -> list[FromWorker]:
        return [from_worker(body) for body in self.frames.feed(self.socket.recv(1 << 20))]


@pytest.fixture
def ends() -> Iterator[tuple[Link, Daemon]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Link(ours), Daemon(theirs)


def test_messages_come_one_by_one(ends: tuple[Link, Daemon]) -> None:
    link, daemon = ends
    daemon.say(Call([]), Stop())
    link.send(Ready())

    assert (link.receive(), link.receive()) == (Call([]), Stop())
    assert daemon.hear() == [Ready()]


def test_a_message_may_be_of_any_size_and_come_in_parts(ends: tuple[Link, Daemon]) -> None:
    link, daemon = ends
    large = Setup(bytes(range(256)) * (KEPT // 128))
    saying = threading.Thread(target=daemon.say, args=(Setup(b"before"), large, Setup(b"behind")))
    saying.start()
    received = [link.receive() for _ in range(3)]
    saying.join(10)

    assert received == [Setup(b"before"), large, Setup(b"behind")]


def test_a_question_gets_its_answer_in_any_thread(ends: tuple[Link, Daemon]) -> None:
    link, daemon = ends
    answers: list[object] = []
    asking = threading.Thread(target=lambda: answers.append(link.ask(Ask("get", "k"))))
    asking.start()
    assert daemon.hear() == [Ask("get", "k")]
    daemon.say(Answer(b"v"))
    asking.join(10)

    assert answers == [b"v"]


def test_without_a_daemon_it_is_over_whatever_the_plugin_catches(ends: tuple[Link, Daemon]) -> None:
    link, daemon = ends
    daemon.socket.close()

    for act in (link.receive, lambda: link.ask(Ask("get", "k")), lambda: link.send(Ready())):
        with pytest.raises(Gone):
            act()
    assert not issubclass(Gone, Exception)


def test_who_waits_for_an_order_does_not_take_anothers_answer(ends: tuple[Link, Daemon]) -> None:
    link, daemon = ends
    heard: list[object] = []
    main = threading.Thread(target=lambda: heard.append(link.receive()))
    main.start()
    asking = [threading.Thread(target=lambda: heard.append(link.ask(Ask("get", "k")))) for _ in range(3)]
    for thread in asking:
        thread.start()
    for number in range(3):
        assert daemon.hear() == [Ask("get", "k")]
        daemon.say(Answer(number))
    for thread in asking:
        thread.join(10)
    assert sorted(heard, key=str) == [0, 1, 2]
    daemon.say(Stop())
    main.join(10)
    assert heard[-1] == Stop()


def test_why_there_is_no_answer_is_told_to_the_plugin(ends: tuple[Link, Daemon]) -> None:
    link, daemon = ends
    daemon.say(Answer(None, tell(OverflowError("too large"))))
    with pytest.raises(Exception, match="too large"):
        link.ask(Ask("range", ""))


def test_log_lines_go_to_the_daemon_and_are_bounded(ends: tuple[Link, Daemon]) -> None:
    link, daemon = ends
    logger, handler = logging.getLogger("eventd.handler.x"), LogToDaemon(link)
    logger.addHandler(handler)
    logger.warning("%s is hot", "roof")
    logger.error("x" * 100_000)
    logger.removeHandler(handler)
    messages = daemon.hear()
    while len(messages) < 2:
        messages += daemon.hear()

    assert messages[0] == Log(logging.WARNING, "eventd.handler.x", "roof is hot")
    assert isinstance(messages[1], Log)
    assert len(messages[1].text) == MOST_LINE
