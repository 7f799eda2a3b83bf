"""Several sources of settings made one: the later wins, key by key, then ``%(…)s`` is filled in.

``%(name)s`` is the value of ``name`` in the same section, else in ``[DEFAULT]``, else
in ``[eventd]``, its defaults included. ``%%`` is a percent sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from eventd.errors import Fault

from .inifile import Parsed, Value
from .nearest import did_you_mean
from .options import Place

__all__ = ["Merged"]

#: The section whose keys are for interpolation only.
VARIABLES = "DEFAULT"

_REFERENCE = re.compile(r"%(?:\((?P<name>[^)]*)\)s|(?P<percent>%)|)")
#: Deeper than anyone nests on purpose, shallow enough to end a circle at once.
_DEEPEST = 10


class Merged:
    """All sections of all sources."""

    def __init__(self, parsed: Iterable[Parsed], fallback: Mapping[str, str]) -> None:
        self.sections: dict[str, dict[str, Value]] = {}
        self.places: dict[str, Place] = {}
        self.faults: list[Fault] = []
        self._fallback = fallback
        for source in parsed:
            self.add(source)

    def add(self, source: Parsed) -> None:
        """Lay a source over those before it."""
        for name, values in source.sections.items():
            self.sections.setdefault(name, {}).update(values)
            self.places.setdefault(name, source.places.get(name, Place()))
        self.faults += source.faults

    def text(self, section: str, value: Value) -> str | None:
        """The value with ``%(…)s`` filled in; ``None``, and a fault, where that cannot be."""
        try:
            return self._fill(section, value.text, 0)
        except ValueError as error:
            self.fault(str(error), value.place)
            return None

    def fault(self, message: str, place: Place | None = None) -> None:
        """Note something wrong."""
        place = place or Place()
        self.faults.append(Fault(message, place.file, place.line))

    def _fill(self, section: str, text: str, depth: int) -> str:
        if "%" not in text:
            return text
        if depth > _DEEPEST:
            raise ValueError("%(…)s goes in a circle")

        def replace(match: re.Match[str]) -> str:
            if match["percent"]:
                return "%"
            if match["name"] is None:
                raise ValueError("a single % has no meaning: write %% for a percent sign")
            return self._fill(section, self._variable(section, match["name"].lower()), depth + 1)

        return _REFERENCE.sub(replace, text)

    def _variable(self, section: str, name: str) -> str:
        seen: list[str] = []
        for scope in (section, VARIABLES, "eventd"):
            values = self.sections.get(scope, {})
            if name in values:
                return values[name].text
            seen += values
        if name in self._fallback:
            return self._fallback[name].replace("%", "%%")
        raise ValueError(f"%({name})s is not set{did_you_mean(name, [*seen, *self._fallback])}")
