"""What the tests of the green room share: a test that runs on the hub, and pairs of streams."""

from __future__ import annotations

import functools
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from eventd import green
from tests.support.wait import until as until_native

__all__ = ["hold", "on_hub", "pair", "tcp_pair", "until", "watched"]


def on_hub(test: Callable[..., Any]) -> Callable[..., Any]:
    """Run the test in a green thread."""

    @functools.wraps(test)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        green.run(lambda: test(*args, **kwargs))

    return wrapped


def until(condition: Callable[[], Any], what: str = "") -> Any:
    """Wait on the hub for ``condition``."""
    return until_native(condition, what=what, pause=green.sleep)


def hold(seconds: float) -> None:
    """Hold the loop, as a bad callback does: not a wait, but work."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


@contextmanager
def watched(limit: float, most: float = 0.0, *, breaking: bool = True) -> Iterator[None]:
    """A watchdog at work, with limits as short as a test wants them."""
    hub = green.hub()
    before, hub.stall_limit = hub.stall_limit, limit
    watchdog = green.Watchdog(hub, most, breaking)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.stop()
        hub.stall_limit = before


def pair(**options: Any) -> tuple[green.Stream, socket.socket]:
    """A stream and the plain, blocking socket of its peer."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(5)
    return green.Stream(ours, **options), theirs


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Two connected TCP sockets."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    return ours, theirs
