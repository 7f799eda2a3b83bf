"""The configuration: a table of settings, its reader, and what is made from the table.

``load`` gives a frozen ``Configuration``; ``plugin_config`` converts a plugin's own
keys. It does not open what it names: sockets, certificates and the journal.
"""

from __future__ import annotations

from .options import (
    Configuration,
    EventdOptions,
    JournalOptions,
    LimitOptions,
    ListenerOptions,
    OwnKeys,
    Place,
    PluginOptions,
)
from .plugin_config import Duration, NoConfig, Size, plugin_config
from .reader import load

__all__ = [
    "Configuration",
    "Duration",
    "EventdOptions",
    "JournalOptions",
    "LimitOptions",
    "ListenerOptions",
    "NoConfig",
    "OwnKeys",
    "Place",
    "PluginOptions",
    "Size",
    "load",
    "plugin_config",
]
