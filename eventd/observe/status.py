"""What ``eventd status``, ``/api/v1/status`` and ``/metrics`` tell: one picture for all three."""

from __future__ import annotations

import msgspec

__all__ = [
    "Consumer",
    "Events",
    "FailedPlugin",
    "HubStatus",
    "JournalStatus",
    "ListenerStatus",
    "Queue",
    "Source",
    "Status",
    "SubscriptionStatus",
    "VolatileStatus",
]


class ListenerStatus(msgspec.Struct):
    """A door: where it is, who is there, and how many events it has read."""

    name: str
    protocol: str
    address: str
    connections: int
    received: int


class JournalStatus(msgspec.Struct):
    """The durable log: offsets ``first`` to ``end`` (exclusive), its size, and what ails it.

    ``dead`` are the dead letters that are kept. ``damaged`` are events that cannot be read.
    ``dropped`` are, by consumer, events that retention took from it before it had settled
    them; ``dead_dropped`` its dead letters that were dropped, and ``dead_settled`` those that
    a retry has settled.
    """

    first: int
    end: int
    bytes: int
    dead: int
    pending_bytes: int
    problem: str | None
    damaged: int = 0
    dropped: dict[str, int] = {}
    dead_dropped: dict[str, int] = {}
    dead_settled: dict[str, int] = {}


class Events(msgspec.Struct):
    """The books of the doors: ``received = accepted + duplicates + volatile + rejected + pending``.

    ``doors`` is ``received`` by listener; ``sources`` are those that came through none.
    ``emitted`` are, by consumer, events that handlers and event types put into the journal
    themselves: they come through no door and are neither received nor accepted.
    ``volatile`` were acknowledged from memory, and are not in the journal.
    """

    received: int
    accepted: int
    pending: int
    rejected: dict[str, int]
    faults: dict[str, int]
    duplicates: int = 0
    doors: dict[str, int] = {}
    emitted: dict[str, int] = {}
    volatile: int = 0


class VolatileStatus(msgspec.Struct):
    """The volatile events of a consumer since the start: ``came = settled + dead + dropped + pending``.

    ``dropped`` were the oldest when memory was full.
    """

    came: int
    settled: int
    dead: int
    dropped: int
    pending: int


class Consumer(msgspec.Struct):
    """A handler or an event type at work, and its books: ``end - since = settled + dead + passed + pending``.

    ``end`` is the journal's; ``passed`` are events of types that it does not want, or that
    are gone. ``dead_letters`` are those that are kept of it. ``run`` is where its plugin is
    called now, ``moved`` whether it was brought there because it held the hub, ``stalls`` how
    often it did.
    """

    name: str
    kind: str
    cursor: int
    pending: int
    settled: int
    dead: int
    retries: int
    state: str
    passed: int = 0
    since: int = 0
    dead_letters: int = 0
    #: ``None`` where it wants no volatile type.
    volatile: VolatileStatus | None = None
    #: Worker processes that run, and how many were started in the place of others.
    workers: int = 0
    restarts: int = 0
    #: Whether it is handed nothing, since somebody paused it.
    paused: bool = False
    run: str = ""
    moved: bool = False
    stalls: int = 0


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


class SubscriptionStatus(msgspec.Struct):
    """What clients are subscribed to: how many now, by kind, and events that live ones missed, by reason."""

    count: dict[str, int] = {}
    dropped: dict[str, int] = {}


class Queue(msgspec.Struct):
    """What waits in memory at one place, and how much may; a ``limit`` of 0 is what the configuration has as none."""

    name: str
    bytes: int
    limit: int


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
    #: What of the books does not balance; empty where all does.
    imbalances: list[str] = []
    subscriptions: SubscriptionStatus = msgspec.field(default_factory=SubscriptionStatus)
    queues: list[Queue] = []
