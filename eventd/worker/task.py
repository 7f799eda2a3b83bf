"""What a worker is to be."""

from __future__ import annotations

import msgspec

from eventd.config.options import Configuration

__all__ = ["Task"]


class Task(msgspec.Struct, kw_only=True):
    """The plugin ``kind:name`` of those that ``entries`` name, as (group, name, value) of entry points.

    ``parent`` is the daemon's process id, ``memory_limit`` in bytes, ``log_level`` a number of ``logging``.
    ``shared`` says that other workers of the plugin write the same state.
    """

    kind: str
    name: str
    configuration: Configuration
    entries: list[tuple[str, str, str]]
    parent: int
    memory_limit: int = 0
    log_level: int = 0
    shared: bool = False
