"""What a program has of eventd: where its events are kept, and the loop that brings them to who wants them."""

from __future__ import annotations

import os

from eventd.app.loop import EventLoop
from eventd.app.place import MIB, Limits
from eventd.app.running import OnError, Options

__all__ = ["EventManager"]


class EventManager:
    """Makes event loops.

    :param journal: the file in which events are kept; without one they are in memory, until the loop ends.
    :param on_error: called, in a native thread of its own, with the name of a subscriber and a ``GivenUp``
        for each event that was put aside after its last attempt.
    :param buffer: bytes of events that may wait until they are handled.
    :param stop_timeout: seconds for what is left when a loop is stopped.
    :param fsync: with ``False``, a power failure may cost the last events of ``journal``.
    :param retention_time: seconds for which ``journal`` keeps events that everybody has handled.
    :param retention_size: bytes that ``journal`` may have before its oldest events go, handled or not.
    """

    def __init__(
        self,
        journal: str | os.PathLike[str] | None = None,
        *,
        on_error: OnError | None = None,
        buffer: int = 64 * MIB,
        stop_timeout: float = 10.0,
        fsync: bool = True,
        retention_time: float = 3600.0,
        retention_size: int = 1024 * MIB,
    ) -> None:
        self._options = Options(
            # Where the program is now: it may go elsewhere before the loop starts.
            journal=None if journal is None else os.path.abspath(journal),
            limits=Limits(fsync, retention_time, retention_size),
            buffer=buffer,
            stop_timeout=stop_timeout,
            on_error=on_error,
        )

    def create_event_loop(self) -> EventLoop:
        """A loop without subscribers. One runs at a time in a process."""
        return EventLoop(self._options)
