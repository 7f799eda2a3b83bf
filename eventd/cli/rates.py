"""How fast the daemon works: what two of its statuses, one after the other, tell together.

No clock is looked at: the time between two statuses is what the daemon itself says, by its
``uptime``. A status is taken as it comes, from an older or a newer daemon: what it does not
have is 0, what nobody knows here is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

__all__ = ["TROUBLE", "ConsumerRates", "ListenerRates", "Rates", "rates"]

#: States in which a consumer does not get on.
TROUBLE = ("failing", "stuck", "disabled", "stopped")


class ListenerRates(msgspec.Struct):
    """A door; ``received`` a second."""

    name: str
    connections: int
    received: float | None


class ConsumerRates(msgspec.Struct):
    """A handler, an event type or a durable subscription.

    ``settled`` and ``given_up`` are a second, with volatile events; ``change`` is by how much
    ``pending`` grew in a second, and negative where it shrank.
    """

    name: str
    state: str
    paused: bool
    settled: float | None
    pending: int
    change: float | None
    dead: int
    given_up: float | None
    retries: int
    #: ``None`` where the daemon does not tell.
    stalls: int | None

    @property
    def attention(self) -> tuple[int, int, str]:
        """Sorts: first who does not get on, then who gives events up, who tries again or rests, who lags."""
        change = self.change or 0
        rank = 0 if self.state in TROUBLE else 1 if self.given_up else 2 if self.state == "retrying" else 3
        if rank == 3 and not self.paused:
            rank = 4 if self.pending and change > 0 else 5
        return rank, -self.pending, self.name


class Rates(msgspec.Struct):
    """The daemon at one instant, with what it did in the ``seconds`` before; rates are ``None`` where nobody knows.

    That is so at first, and when the daemon began anew in between (``restarted``).
    """

    version: str
    node: str
    uptime: float
    ready: bool
    reasons: list[str]
    seconds: float | None
    restarted: bool
    #: The hub: seconds by which it lags, and how often it was held in all.
    lag: float
    stalls: int
    received: float | None
    accepted: float | None
    rejected: float | None
    settled: float | None
    emitted: float | None
    listeners: list[ListenerRates]
    consumers: list[ConsumerRates]
    #: Open now, by kind, and events that live ones missed, a second.
    subscriptions: dict[str, Any]
    missed: float | None
    #: As the daemon tells it; ``None`` where it does not.
    queues: Any
    #: ``None`` where the daemon does not tell.
    imbalances: list[str] | None
    journal_bytes: int
    #: Bytes a second; negative when retention drops more than comes.
    journal_growth: float | None
    dead: int


class _Pair:
    """The same part of both statuses."""

    def __init__(self, before: Any, after: Any, seconds: float | None) -> None:
        self.before: Mapping[str, Any] | None = before if isinstance(before, Mapping) else None
        self.after: Mapping[str, Any] = after if isinstance(after, Mapping) else {}
        self.seconds = seconds

    def part(self, name: str) -> _Pair:
        """A part within; before, it may not have been there."""
        return _Pair((self.before or {}).get(name), self.after.get(name), self.seconds)

    def number(self, name: str) -> float:
        """A number of now; all together, where it is one by reason or by name."""
        return _sum(self.after.get(name))

    def change(self, name: str) -> float | None:
        """By how much a number changed in a second."""
        if self.seconds is None or self.before is None:
            return None
        return (self.number(name) - _sum(self.before.get(name))) / self.seconds

    def rate(self, name: str) -> float | None:
        """How fast a counter grows; one that went back began anew."""
        change = self.change(name)
        return None if change is None else max(0.0, change)

    def rows(self, name: str) -> list[_Pair]:
        """The rows of a list, each with the one of the same name before."""
        known = {str(row.get("name")): row for row in _mappings((self.before or {}).get(name))}
        return [_Pair(known.get(str(row.get("name"))), row, self.seconds) for row in _mappings(self.after.get(name))]


def rates(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Rates:
    """What ``after`` is, and what was done since ``before``; without that, only what is."""
    passed = round(_sum(after.get("uptime")) - _sum((before or {}).get("uptime")), 3)
    seconds = passed if before is not None and passed > 0 else None
    both = _Pair(before, after, seconds)
    events, journal, hub, subscriptions = map(both.part, ("events", "journal", "hub", "subscriptions"))
    consumers = [_consumer(row) for row in both.rows("consumers")]
    known = [row.settled for row in consumers if row.settled is not None]
    return Rates(
        version=str(after.get("version", "?")),
        node=str(after.get("node", "?")),
        uptime=both.number("uptime"),
        ready=after.get("ready") is True,
        reasons=_texts(after.get("reasons")) or [],
        seconds=seconds,
        restarted=before is not None and passed < 0,
        lag=hub.number("lag"),
        stalls=int(hub.number("stalls")),
        received=events.rate("received"),
        accepted=events.rate("accepted"),
        rejected=events.rate("rejected"),
        settled=sum(known) if known else None,
        emitted=events.rate("emitted"),
        listeners=[
            ListenerRates(str(row.after.get("name")), int(row.number("connections")), row.rate("received"))
            for row in both.rows("listeners")
        ],
        consumers=consumers,
        subscriptions=dict(subscriptions.part("count").after),
        missed=subscriptions.rate("dropped"),
        queues=after.get("queues"),
        imbalances=_texts(after.get("imbalances")),
        journal_bytes=int(journal.number("bytes")),
        journal_growth=journal.change("bytes"),
        dead=int(journal.number("dead")),
    )


def _consumer(row: _Pair) -> ConsumerRates:
    volatile = row.part("volatile")
    waiting, change = volatile.change("pending"), row.change("pending")
    return ConsumerRates(
        name=str(row.after.get("name")),
        state=str(row.after.get("state", "?")),
        paused=row.after.get("paused") is True,
        settled=_together(row.rate("settled"), volatile.rate("settled")),
        pending=int(row.number("pending") + volatile.number("pending")),
        change=None if change is None else change + (waiting or 0),
        dead=int(row.number("dead") + volatile.number("dead")),
        given_up=_together(row.rate("dead"), volatile.rate("dead")),
        retries=int(row.number("retries")),
        stalls=int(row.number("stalls")) if "stalls" in row.after else None,
    )


def _together(one: float | None, other: float | None) -> float | None:
    return other if one is None else one + (other or 0)


def _sum(value: Any) -> float:
    if isinstance(value, Mapping):
        return sum(map(_sum, value.values()))
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _texts(value: Any) -> list[str] | None:
    return [str(line) for line in value] if isinstance(value, list) else None


def _mappings(value: Any) -> Iterable[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
