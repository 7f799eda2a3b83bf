"""The table of all settings: the reader, the shipped file, the commands and the
reference page are made from it.

A setting that is not here does not exist. The keys that a plugin declares itself
are not here either: they are the fields of its ``Config``.
"""

from __future__ import annotations

from .settings_daemon import EVENTD, JOURNAL
from .settings_network import LIMITS, LISTENER
from .settings_plugins import EVENT_TYPE, HANDLER, SERVICE, SOURCE
from .table import Section

__all__ = ["PLUGIN_KINDS", "TABLE", "section_named"]

#: In the order of the shipped file and of the reference page.
TABLE: tuple[Section, ...] = (EVENTD, JOURNAL, LISTENER, LIMITS, EVENT_TYPE, HANDLER, SOURCE, SERVICE)

#: What the first half of a plugin's section name can be.
PLUGIN_KINDS: tuple[str, ...] = tuple(section.name for section in TABLE if section.plugin)

_BY_NAME = {section.name: section for section in TABLE}


def section_named(name: str) -> Section | None:
    """The section with this name (without ``:NAME``), if there is one."""
    return _BY_NAME.get(name)
