"""Replays: what an administrator asks for, turned into a lane of a consumer; and how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from eventd.dispatch.deadletters import REPLAY, full_name
from eventd.dispatch.follow import place
from eventd.dispatch.intake import Intake
from eventd.dispatch.lane import Lane, Siding, Span
from eventd.errors import ClientError
from eventd.green import sleep
from eventd.journal import Journal
from eventd.routing import Patterns, valid_pattern

__all__ = ["Busy", "Progress", "Replays"]

#: Seconds between two lines that tell how far a replay is.
TELL_EVERY = 0.2
#: Seconds for which counting may hold the hub.
LONGEST_HOLD = 0.005
#: Patterns in one request: they are part of the replay's name in the journal.
MOST_PATTERNS = 32


class Busy(ClientError):
    """One replay at a time goes through a consumer, and none through one that is paused."""

    reason = "busy"
    http_status = 409


class Progress(msgspec.Struct):
    """How far a replay is; ``rate`` in events a second, ``seconds`` since it was asked for."""

    handler: str
    state: str
    first: int
    end: int
    offset: int
    events: int
    settled: int
    dead: int
    resumed: bool
    seconds: float
    rate: float
    error: str | None = None


class Replays:
    """All replays of the daemon.

    :param sidings: those of the consumers that run now, by the consumers' names.
    """

    def __init__(self, journal: Journal, sidings: Callable[[], Mapping[str, Siding]]) -> None:
        self._journal = journal
        self._sidings = sidings

    def start(self, handler: str, start: str, end: str, types: Sequence[str], dry_run: bool) -> Iterator[bytes]:
        """Replay, or only count; JSON lines tell how far it is. It ends when nobody reads them any more.

        :raises ValueError: when something of it cannot be understood; at the call.
        :raises Busy: when another replay through the same consumer is under way, or it is paused; at the call.
        """
        siding = self._siding(handler)
        consumer = siding.loan.consumer
        span = self._span(siding, start, end, types)
        if dry_run:
            return self._count(consumer, span)
        if siding.loan.paused():
            raise Busy(f"{consumer} is paused", hint=f"eventd handlers resume {consumer}")
        lane = siding.take_on(span)
        if lane is None:
            raise Busy(f"a replay through {consumer} is under way", hint="wait for its end, or break it off")
        return self._follow(consumer, lane)

    def _siding(self, name: str) -> Siding:
        sidings = self._sidings()
        found = sidings.get(full_name(name, sidings.keys()))
        if found is None:
            raise ValueError(f"no handler and no event type called {name[:100]!r} runs here")
        return found

    def _span(self, siding: Siding, start: str, end: str, types: Sequence[str]) -> Span:
        """The range: never beyond what the consumer has done, since the rest will come to it anyway."""
        wrong = [pattern for pattern in types if not valid_pattern(pattern)]
        if wrong or len(types) > MOST_PATTERNS:
            told = f"{wrong[0][:100]!r} is no pattern" if wrong else f"more than {MOST_PATTERNS} patterns"
            raise ValueError(f"{told}: tokens between dots, * for one, > at the end for the rest")
        loan = siding.loan
        handled = loan.handled()
        last = handled if end == "now" else min(place(self._journal, end), handled)
        first = min(max(place(self._journal, start), self._journal.first), last)
        name = f"{REPLAY}{loan.consumer}:{start}-{end}" + "".join(f":{pattern}" for pattern in types)
        return Span(name, first, last, _wants(loan.patterns, types))

    def _follow(self, consumer: str, lane: Lane) -> Iterator[bytes]:
        began = time.monotonic()
        try:
            while not lane.over.wait(TELL_EVERY):
                yield _line(consumer, lane, "waiting" if lane.waiting else "running", began)
            yield _line(consumer, lane, "done" if lane.complete else "stopped", began)
        finally:
            lane.stop()

    def _count(self, consumer: str, span: Span) -> Iterator[bytes]:
        """Count what would be replayed, without a consumer."""
        began = told = held = time.monotonic()
        intake = Intake(span.name, self._journal, span.wants, {})
        rest = ((span.end, 1 << 62),)
        intake.start(span.first, rest)
        events = 0
        while intake.position < span.end:
            intake.read()
            events += intake.count
            intake.start(intake.position, rest)
            now = time.monotonic()
            if now - told > TELL_EVERY:
                told = now
                yield _counted(consumer, span, intake.position, events, "counting", began)
            if now - held > LONGEST_HOLD:
                sleep()
                held = time.monotonic()
        yield _counted(consumer, span, span.end, events, "done", began)


def _wants(consumer: Sequence[str], types: Sequence[str]) -> Callable[[str], bool]:
    """What the consumer wants, of these types only where some are named."""
    wanted = Patterns(consumer).matches
    if not types:
        return wanted
    chosen = Patterns(types).matches
    return lambda type: wanted(type) and chosen(type)


def _line(consumer: str, lane: Lane, state: str, began: float) -> bytes:
    seconds, events, span = time.monotonic() - began, lane.settled + lane.dead, lane.span
    return _encoded(Progress(
        consumer, state, span.first, span.end, lane.offset, events, lane.settled, lane.dead, lane.resumed,
        seconds, events / seconds if seconds else 0.0, lane.error,
    ))  # fmt: skip


def _counted(consumer: str, span: Span, offset: int, events: int, state: str, began: float) -> bytes:
    seconds = time.monotonic() - began
    return _encoded(Progress(
        consumer, state, span.first, span.end, min(offset, span.end), events, 0, 0, False,
        seconds, events / seconds if seconds else 0.0,
    ))  # fmt: skip


def _encoded(progress: Progress) -> bytes:
    return msgspec.json.encode(progress) + b"\n"
