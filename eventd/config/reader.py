"""Reads the configuration: files, then ``conf.d``, then ``-o``; every fault at once.

Nothing is opened but the files themselves: certificates, secrets and sockets are the
business of whoever uses them, so that a command of an ordinary user can read the
configuration, too.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from eventd.errors import ConfigurationError, Fault

from .inifile import Parsed, Value, parse_override, read
from .merge import VARIABLES, Merged
from .nearest import did_you_mean
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
from .settings import PLUGIN_KINDS, TABLE, section_named
from .settings_daemon import EVENTD
from .settings_network import DEFAULT_BIND
from .settings_plugins import EVENT_TYPE
from .table import Section, Setting
from .values import PATH

__all__ = ["examine", "load", "read_all"]


def load(
    files: Iterable[str | Path] = (),
    conf_dir: str | Path | None = None,
    overrides: Iterable[str] = (),
) -> Configuration:
    """Read ``files``, then ``conf_dir/*.ini`` in name order, then ``SECTION.KEY=VALUE`` overrides.

    :raises ConfigurationError: with all that is wrong.
    """
    configuration, faults = examine(files, conf_dir, overrides)
    if faults:
        raise ConfigurationError(faults)
    return configuration


def examine(
    files: Iterable[str | Path] = (),
    conf_dir: str | Path | None = None,
    overrides: Iterable[str] = (),
) -> tuple[Configuration, list[Fault]]:
    """The same, but what is wrong is returned; the default stands for a value that is wrong."""
    merged = read_all(files, conf_dir, overrides)
    configuration = _Reader(merged).configuration()
    return configuration, _in_order(merged.faults)


def read_all(files: Iterable[str | Path], conf_dir: str | Path | None, overrides: Iterable[str]) -> Merged:
    """All sources laid over each other, as text; its ``faults`` are those of the files' form."""
    paths = [Path(file) for file in files]
    if conf_dir is not None:
        paths += sorted(Path(conf_dir).glob("*.ini"))
    merged = Merged(map(read, paths), _fallback())
    if not any(name.startswith("listener:") for name in merged.sections):
        merged.add(_default_listeners())
    for override in overrides:
        merged.add(_from_here(parse_override(override)))
    return merged


def _in_order(faults: list[Fault]) -> list[Fault]:
    """By file, as they were read, and line."""
    files = list(dict.fromkeys(fault.file for fault in faults))
    return sorted(faults, key=lambda fault: (files.index(fault.file), fault.line or 0))


def _fallback() -> dict[str, str]:
    """What ``%(…)s`` gives for a key of ``[eventd]`` that is not set."""
    defaults = {setting.key: setting.default for setting in EVENTD.settings}
    return {"node": socket.gethostname()} | {key: value for key, value in defaults.items() if value is not None}


def _from_here(override: Parsed) -> Parsed:
    """Make a relative path absolute: who types a command means the directory that they are in."""
    for title, values in override.sections.items():
        section = section_named(title.partition(":")[0])
        for key, value in values.items():
            setting = section.setting(key) if section else None
            if setting is not None and setting.kind is PATH and value.text and value.text[0] not in "/%":
                here = os.getcwd().replace("%", "%%")
                values[key] = value._replace(text=os.path.normpath(f"{here}/{value.text}"))
    return override


def _default_listeners() -> Parsed:
    return Parsed({f"listener:{protocol}": {} for protocol in DEFAULT_BIND}, {}, [])


class _Reader:
    """From merged text to structs; faults go to ``merged``."""

    def __init__(self, merged: Merged) -> None:
        self._merged = merged

    def configuration(self) -> Configuration:
        names = [name for name in self._merged.sections if self._known(name)]
        return Configuration(
            eventd=self._eventd(),
            journal=JournalOptions(**self._values("journal")),
            limits=LimitOptions(**self._values("limits")),
            listeners=dict(self._listeners(name for name in names if name.startswith("listener:"))),
            plugins={(p.kind, p.name): p for p in map(self._plugin, names) if p is not None},
            plugin_defaults={kind: self._plugin_options(kind, "", {}) for kind in PLUGIN_KINDS},
        )

    def _known(self, title: str) -> bool:
        name, _, instance = title.partition(":")
        section = section_named(name)
        place = self._merged.places.get(title)
        if title == VARIABLES:
            return False
        if section is None:
            self._merged.fault(f"[{title}] is no section{did_you_mean(name, [s.name for s in TABLE])}", place)
        elif section.named and not instance:
            self._merged.fault(f"[{title}] needs a name: [{name}:NAME]", place)
        elif not section.named and instance:
            self._merged.fault(f"[{title}] has no name: write [{name}]", place)
        else:
            return True
        return False

    def _eventd(self) -> EventdOptions:
        values = self._values("eventd")
        values["node"] = values["node"] or socket.gethostname()
        return EventdOptions(**values)

    def _values(self, title: str) -> dict[str, Any]:
        """The keys of a section, converted, defaults filled in; unknown ones are told."""
        section = _section(title)
        written = self._merged.sections.get(title, {})
        if not section.plugin:
            self._tell_unknown(section, written)
        return {setting.key: self._value(title, setting, written.get(setting.key)) for setting in section.settings}

    def _tell_unknown(self, section: Section, written: dict[str, Value]) -> None:
        keys = [setting.key for setting in section.settings]
        for key, value in written.items():
            if key not in keys:
                self._merged.fault(f"[{section.title}] has no {key}{did_you_mean(key, keys)}", value.place)

    def _value(self, title: str, setting: Setting, written: Value | None) -> object:
        default = None if setting.default is None else setting.kind.parse(setting.default)
        if written is None:
            return default
        text = self._merged.text(title, written)
        if text is None or (text == "" and setting.default is None):
            return default
        try:
            return setting.kind.parse(text)
        except ValueError as error:
            self._merged.fault(f"{setting.key}: {error}{_comment_hint(text)}", written.place)
            return default

    def _listeners(self, titles: Iterable[str]) -> Iterable[tuple[str, ListenerOptions]]:
        for title in titles:
            options = self._listener(title)
            if options is not None:
                yield title.partition(":")[2], options

    def _listener(self, title: str) -> ListenerOptions | None:
        values = self._values(title)
        name = title.partition(":")[2]
        place = self._merged.places.get(title)
        protocol = values["protocol"] or (name if name in DEFAULT_BIND else None)
        if protocol is None:
            self._merged.fault(f"[{title}] needs protocol: {' or '.join(DEFAULT_BIND)}", place)
            return None
        self._check_tls(title, values, place)
        if not values.pop("enabled"):
            return None
        return ListenerOptions(**(values | {"protocol": protocol, "bind": values["bind"] or DEFAULT_BIND[protocol]}))

    def _check_tls(self, title: str, values: dict[str, Any], place: Place | None) -> None:
        cert, key, client_ca = values["tls_cert"], values["tls_key"], values["tls_client_ca"]
        if bool(cert) != bool(key):
            has, lacks = ("tls_cert", "tls_key") if cert else ("tls_key", "tls_cert")
            self._merged.fault(f"[{title}] has {has} but no {lacks}", place)
        elif client_ca and not cert:
            self._merged.fault(f"[{title}] has tls_client_ca but no tls_cert and tls_key", place)

    def _plugin(self, title: str) -> PluginOptions | None:
        kind, _, name = title.partition(":")
        if kind not in PLUGIN_KINDS:
            return None
        return self._plugin_options(kind, name, self._merged.sections[title])

    def _plugin_options(self, kind: str, name: str, written: dict[str, Value]) -> PluginOptions:
        # What the kind does not have is that of an event type, so that one struct serves all.
        common = {setting.key: self._value("", setting, None) for setting in EVENT_TYPE.settings}
        title = f"{kind}:{name}"
        values: dict[str, Any] = common | (self._values(title) if name else {})
        return PluginOptions(kind=kind, name=name, own=self._own(title, written), **values)

    def _own(self, title: str, written: dict[str, Value]) -> OwnKeys:
        section = _section(title)
        own = {key: value for key, value in written.items() if section.setting(key) is None}
        texts = {key: self._merged.text(title, value) for key, value in own.items()}
        return OwnKeys(
            {key: text for key, text in texts.items() if text is not None},
            section=title,
            place=self._merged.places.get(title),
            places={key: value.place for key, value in own.items()},
        )


def _section(title: str) -> Section:
    section = section_named(title.partition(":")[0])
    assert section is not None, title  # callers pass known titles only
    return section


def _comment_hint(text: str) -> str:
    return " (a comment stands on a line of its own)" if any(mark in text for mark in (" #", " ;")) else ""
