"""What ``eventd status``, ``/api/v1/status`` and ``/metrics`` tell: one picture for all three."""

from __future__ import annotations

import msgspec

__all__ = ["Consumer", "Events", "FailedPlugin", "HubStatus", "JournalStatus", "ListenerStatus", "Source", "Status"]


class ListenerStatus(msgspec.Struct):
    """A door: where it is, who is there, and how many events it has read."""

    name: str
    protocol: str
    address: str
    connections: int
    received: int


class JournalStatus(msgspec.Struct):
    """The durable log: offsets ``first`` to ``end`` (exclusive), its size, and what ails it."""

    first: int
    end: int
    bytes: int
    dead: int
    pending_bytes: int
    problem: str | None


class Events(msgspec.Struct):
    """The books: ``received = accepted + rejected + pending``."""

    received: int
    accepted: int
    pending: int
    rejected: dict[str, int]
    faults: dict[str, int]


class Consumer(msgspec.Struct):
    """A handler or an event type at work: ``accepted = settled + dead + pending`` of what it wants."""

    name: str
    kind: str
    cursor: int
    pending: int
    settled: int
    dead: int
    retries: int
    state: str


class Source(msgspec.Struct):
    """A source at work."""

    name: str
    emitted: int
    restarts: int
    state: str


class FailedPlugin(msgspec.Struct):
    """A plugin that could not be loaded, and why."""

    name: str
    error: str


class HubStatus(msgspec.Struct):
    """The event loop: seconds by which it lags, and how often a callback held it."""

    lag: float
    stalls: dict[str, int]


class Status(msgspec.Struct):
    """The whole daemon at one instant; ``uptime`` in seconds."""

    version: str
    node: str
    uptime: float
    ready: bool
    reasons: list[str]
    listeners: list[ListenerStatus]
    journal: JournalStatus
    events: Events
    consumers: list[Consumer]
    sources: list[Source]
    plugins_failed: list[FailedPlugin]
    hub: HubStatus
