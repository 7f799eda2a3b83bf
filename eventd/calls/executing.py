"""The work of an event type: its ``execute``, for one event of a batch after the other."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from eventd.calls.keys import Key
from eventd.calls.traces import Marked
from eventd.event import Batch, Event
from eventd.process import ExitCalled

__all__ = ["Behind", "PluginExit", "Suspect", "executing", "exit_of"]


class Behind(Exception):
    """Not a failure: an event that was not tried, since one before it with its key failed."""


class Suspect(Behind):
    """Nor this: one of several events with which a worker died; it is to be tried by itself."""


class PluginExit(Exception):
    """A plugin raised what is meant to end a program: it ends its own call only."""


def exit_of(error: BaseException) -> PluginExit:
    """What is told of an error that is meant to end more than a call."""
    called = isinstance(error, ExitCalled)
    told = PluginExit(f"it called os._exit({error})" if called else f"it raised {type(error).__name__}({error})")
    told.__cause__ = error
    return told


def executing(
    execute: Callable[[Event], Any],
    traces: Marked,
    breathe: Callable[[], None] | None = None,
    key: Key | None = None,
) -> Callable[[Batch], None]:
    """Call ``execute`` for each event; one that fails takes back only what it left behind.

    Where order matters, those of its key that follow are not tried.

    :param breathe: called between two events.
    """

    def work(batch: Batch) -> None:
        failed: set[Hashable] = set()
        for index, event in enumerate(batch.events):
            own = key(event) if key is not None else None
            if failed and own in failed:
                batch.fail(index, Behind())
                continue
            mark = traces.mark()
            try:
                execute(event)
            except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001 - whatever a plugin raises
                # What is none of these ends the call: it is not the plugin's.
                traces.rewind(mark)
                batch.fail(index, error if isinstance(error, Exception) else exit_of(error))
                if key is not None:
                    failed.add(own)
            if breathe is not None:
                breathe()

    return work
