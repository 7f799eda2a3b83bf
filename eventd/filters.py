"""CloudEvents filters: whether an event fits what a subscriber asked for.

The dialects ``exact``, ``prefix``, ``suffix``, ``all``, ``any`` and ``not`` of the
CloudEvents Subscriptions API 1.0-wip, section 3.2.4. Attributes are compared in their
canonical string form (CloudEvents 1.0.2, section 3.1); one that an event lacks fits nothing.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

from eventd.errors import InvalidSubscription
from eventd.event import AttributeValue

__all__ = ["MOST_DEPTH", "MOST_FILTERS", "Attributes", "Filter", "compile_filters"]

#: What is looked at of an event.
Attributes = Mapping[str, AttributeValue]
Filter = Callable[[Attributes], bool]

#: Filters in one subscription, in all and inside each other: each is asked for each event.
MOST_FILTERS, MOST_DEPTH = 100, 10
#: Characters of what a client wrote that are told back.
MOST_TOLD = 40


def compile_filters(filters: Any) -> Filter | None:
    """One function for a list of filters, all of which must be true; ``None`` where there are none.

    :raises InvalidSubscription: when it is no list of filters, or there are too many.
    """
    if filters is None or filters == []:
        return None
    return _Compiler().all_of(filters, "filters", 1)


class _Compiler:
    """Counts what it has compiled."""

    def __init__(self) -> None:
        self._count = 0

    def all_of(self, filters: Any, where: str, depth: int) -> Filter:
        """True when each one is."""
        parts = self._parts(filters, where, depth)
        return parts[0] if len(parts) == 1 else lambda attributes: all(part(attributes) for part in parts)

    def any_of(self, filters: Any, where: str, depth: int) -> Filter:
        """True when one is."""
        parts = self._parts(filters, where, depth)
        return lambda attributes: any(part(attributes) for part in parts)

    def _parts(self, filters: Any, where: str, depth: int) -> list[Filter]:
        if not isinstance(filters, list) or not filters:
            raise InvalidSubscription(f"{where} must be a list of filters, and not an empty one")
        return [self._one(each, f"{where}[{index}]", depth) for index, each in enumerate(filters)]

    def _one(self, filter: Any, where: str, depth: int) -> Filter:
        if not isinstance(filter, dict) or len(filter) != 1:
            raise InvalidSubscription(f"{where} must be a map with one dialect")
        ((dialect, terms),) = filter.items()
        # Each attribute that is looked at counts like a filter of its own.
        self._count += max(1, len(terms)) if isinstance(terms, dict) and dialect in _TEXTS else 1
        if self._count > MOST_FILTERS or depth > MOST_DEPTH:
            raise InvalidSubscription(f"more than {MOST_FILTERS} filters, or more than {MOST_DEPTH} inside each other")
        within = f"{where}.{str(dialect)[:MOST_TOLD]}"
        if dialect in _TEXTS:
            return _texts(_TEXTS[dialect], terms, within)
        if dialect == "all":
            return self.all_of(terms, within, depth + 1)
        if dialect == "any":
            return self.any_of(terms, within, depth + 1)
        if dialect == "not":
            inner = self._one(terms, within, depth + 1)
            return lambda attributes: not inner(attributes)
        known = ", ".join([*_TEXTS, "all", "any", "not"])
        raise InvalidSubscription(f"{within} is no dialect that is spoken here", hint=f"one of {known}")


def _texts(compare: Callable[[str, str], bool], terms: Any, where: str) -> Filter:
    """True when each named attribute compares with its text."""
    if not isinstance(terms, dict) or not terms:
        raise InvalidSubscription(f"{where} must be a map of attributes to strings, and not an empty one")
    for name, text in terms.items():
        if not (isinstance(name, str) and name and isinstance(text, str) and text):
            raise InvalidSubscription(f"{where}: names and values must be strings, and not empty ones")
    wanted = list(terms.items())

    def fits(attributes: Attributes) -> bool:
        for name, text in wanted:
            value = "1.0" if name == "specversion" else attributes.get(name)
            if value is None or not compare(value if isinstance(value, str) else _canonical(value), text):
                return False
        return True

    return fits


def _canonical(value: AttributeValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return b64encode(value).decode() if isinstance(value, bytes) else str(value)


_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "exact": str.__eq__,
    "prefix": str.startswith,
    "suffix": str.endswith,
}
