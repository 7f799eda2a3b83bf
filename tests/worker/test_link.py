"""A worker's line: messages both ways, questions in the middle of a call, and the end of the daemon."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator

import pytest

from eventd.calls.messages import Answer, Ask, Frames, FromWorker, Log, Ready, Stop, ToWorker, frame, from_worker
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
    daemon.say(Answer(1), Stop())
    link.send(Ready())

    assert (link.receive(), link.receive()) == (Answer(1), Stop())
    assert daemon.hear() == [Ready()]


def test_a_message_may_be_of_any_size_and_come_in_parts(ends: tuple[Link, Daemon]) -> None:
    link, daemon = ends
    large = Answer(bytes(range(256)) * (KEPT // 128))
    saying = threading.Thread(target=daemon.say, args=(Answer(b"before"), large, Answer(b"behind")))
    saying.start()
    received = [link.receive() for _ in range(3)]
    saying.join(10)

    assert received == [Answer(b"before"), large, Answer(b"behind")]


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


def test_told_to_stop_in_the_middle_of_a_call_it_ends(ends: tuple[Link, Daemon]) -> None:
    link, daemon = ends
    daemon.say(Stop())
    with pytest.raises(Gone):
        link.ask(Ask("get", "k"))


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
