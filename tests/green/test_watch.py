from __future__ import annotations

import os
import select

import pytest

from eventd import green
from eventd.green.watch import READABLE, WRITABLE
from tests.green.support import on_hub, pair, until


class CountingEpoll:
    """An epoll that counts the system calls made of it."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def register(self, _fd: int, _mask: int) -> None:
        self.calls.append("add")

    def modify(self, _fd: int, _mask: int) -> None:
        self.calls.append("modify")

    def unregister(self, _fd: int) -> None:
        self.calls.append("delete")


def test_wanting_the_same_again_costs_no_system_call():
    epoll = CountingEpoll()
    watch = green.Watch(epoll, {}, 5, print, None)  # type: ignore[arg-type]  # a double
    for _ in range(3):
        watch.want(True)
        watch.want(True, False)
    watch.want(True, True)
    watch.want(False)

    assert epoll.calls == ["add", "modify", "delete"]


@on_hub
def test_it_calls_again_and_again_without_being_asked_again():
    stream, peer = pair()
    seen: list[int] = []
    watch = green.hub().watch(stream.fileno(), lambda events: seen.append(events))
    peer.send(b"x")
    until(lambda: len(seen) >= 3)
    watch.close()

    assert all(events & READABLE for events in seen)
    stream.close()
    peer.close()


@on_hub
def test_a_watch_that_wants_nothing_is_not_called_even_for_a_hang_up():
    stream, peer = pair()
    seen: list[int] = []
    watch = green.hub().watch(stream.fileno(), lambda events: seen.append(events))
    watch.want(False)
    peer.close()
    green.sleep(0.02)
    assert seen == []

    watch.want(False, True)
    until(lambda: seen)
    assert seen[0] & WRITABLE
    watch.close()
    stream.close()


@on_hub
def test_close_may_come_twice_and_after_the_descriptor_is_gone():
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    watch = green.hub().watch(fd, lambda events: None)
    os.close(fd)
    watch.close()
    watch.close()
    watch.want(True, True)

    assert watch.closed
    assert fd not in green.hub().watches


@on_hub
def test_a_callback_may_close_another_that_is_ready_in_the_same_pass():
    fds = [os.eventfd(1, os.EFD_NONBLOCK) for _ in range(2)]
    watches: dict[int, green.Watch] = {}
    called: list[int] = []

    def ready(me: int, _events: int) -> None:
        called.append(me)
        for watch in watches.values():
            watch.close()

    for fd in fds:
        watches[fd] = green.hub().watch(fd, lambda events, fd=fd: ready(fd, events))
    until(lambda: called)
    green.sleep(0.01)

    assert len(called) == 1
    for fd in fds:
        os.close(fd)


@on_hub
def test_a_file_cannot_be_watched(tmp_path):
    with open(tmp_path / "file", "wb") as file, pytest.raises(OSError):
        green.hub().watch(file.fileno(), lambda events: None)

    assert file not in green.hub().watches.values()


def test_readable_and_writable_both_hear_of_errors():
    assert READABLE & WRITABLE == select.EPOLLHUP | select.EPOLLERR
