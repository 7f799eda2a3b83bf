"""The configuration as the rest of the program sees it: frozen and converted.

The fields of each struct are the keys of its section in the table; a test holds them
equal. The defaults are in the table only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

__all__ = [
    "Configuration",
    "EventdOptions",
    "JournalOptions",
    "LimitOptions",
    "ListenerOptions",
    "OwnKeys",
    "Place",
    "PluginOptions",
]


class Place(msgspec.Struct, frozen=True):
    """Where something is written; without a line for what comes from the command line."""

    file: str | None = None
    line: int | None = None


class EventdOptions(msgspec.Struct, frozen=True):
    """``[eventd]``; times in seconds."""

    node: str
    state_dir: str
    run_dir: str
    log_level: str
    log_format: str
    stall_limit: float
    stall_most: float
    stop_timeout: float


class JournalOptions(msgspec.Struct, frozen=True):
    """``[journal]``; times in seconds, sizes in bytes."""

    fsync: bool
    retention_time: float
    retention_size: int
    dead_count: int
    dead_time: float
    dedupe_window: float
    memory: int


class ListenerOptions(msgspec.Struct, frozen=True):
    """``[listener:NAME]`` of a listener that is enabled."""

    protocol: str
    bind: str
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_client_ca: str | None = None
    origins: tuple[str, ...] = ()


class LimitOptions(msgspec.Struct, frozen=True):
    """``[limits]``; 0 is no limit."""

    connections: int
    connections_per_address: int
    connection_rate: int
    handshakes: int
    connection_events: int
    connection_bytes: int
    user_rate: int
    user_bytes: int
    message_size: int
    unfinished_size: int
    header_size: int
    batch_events: int
    decompressed_size: int
    handshake_timeout: float
    idle_timeout: float
    subscriptions: int
    subscription_window: int
    durable_subscriptions: int


class OwnKeys(dict[str, str]):
    """The keys of a section that only its plugin knows, as text, and where each is written."""

    def __init__(
        self,
        values: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        *,
        section: str = "",
        place: Place | None = None,
        places: Mapping[str, Place] | None = None,
    ) -> None:
        super().__init__(values)
        self.section = section
        self.place = place or Place()
        self.places = dict(places or {})


class PluginOptions(msgspec.Struct, frozen=True):
    """The section of one plugin; a field that its kind does not have keeps the default of an event type."""

    kind: str
    name: str
    enabled: bool
    durable: bool
    run: str | None
    workers: int
    memory_limit: int
    poison_limit: int
    batch_size: int
    batch_wait: float
    attempts: int
    retry_first: float
    retry_most: float
    start: str
    order_by: str | None
    timeout: float
    on_stall: str
    own: OwnKeys

    @property
    def section(self) -> str:
        """How the section is written in a file."""
        return f"{self.kind}:{self.name}"


class Configuration(msgspec.Struct, frozen=True):
    """Everything that was read; ``plugins`` has only those that have a section."""

    eventd: EventdOptions
    journal: JournalOptions
    limits: LimitOptions
    listeners: dict[str, ListenerOptions]
    plugins: dict[tuple[str, str], PluginOptions]
    #: What a plugin gets that has no section, by kind.
    plugin_defaults: dict[str, PluginOptions]

    def plugin(self, kind: str, name: str) -> PluginOptions:
        """The options of a plugin, whether it has a section or not."""
        found = self.plugins.get((kind, name))
        if found is not None:
            return found
        own = OwnKeys(section=f"{kind}:{name}")
        return msgspec.structs.replace(self.plugin_defaults[kind], name=name, own=own)
