"""Who is subscribed to what, and telling those who ask for it as it changes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from time import perf_counter
from typing import Any

import msgspec

from eventd.event import Block, Encoding
from eventd.formats import json_events
from eventd.formats.payloads import Fill
from eventd.formats.times import rfc3339
from eventd.green import sleep
from eventd.subscriptions.outlet import Outlet
from eventd.subscriptions.shape import Shape

__all__ = ["JOINED", "LEFT", "Presence", "Present", "naming_presence", "overlap"]

JOINED, LEFT = "eventd.presence.joined", "eventd.presence.left"
#: Seconds for which subscriptions are looked at before others have their turn.
LONGEST = 0.003
#: The tokens with which a pattern asks for them: others, ``>`` among them, do not get them.
_TOKENS = ["eventd", "presence"]


class Present(msgspec.Struct, gc=False):
    """One subscription, as others see it."""

    types: Sequence[str]
    filters: Sequence[Any]
    name: str | None
    client: str
    connection: int
    since: str

    @classmethod
    def of(cls, shape: Shape, outlet: Outlet, name: str | None) -> Present:
        """A subscription that begins now."""
        return cls(shape.types, shape.filters, name, outlet.client, outlet.number, rfc3339(time.time_ns()))


class Presence:
    """All subscriptions, by who keeps them.

    :param node: whose events say who came and went.
    """

    def __init__(self, node: str) -> None:
        self._present: dict[object, Present] = {}
        self._fill = Fill(f"//{node}/presence")

    def join(self, key: object, present: Present) -> Block:
        """Somebody came: the event for those who ask."""
        self._present[key] = present
        return self._event(JOINED, present)

    def leave(self, key: object) -> Block | None:
        """Somebody went; ``None`` where nobody was there."""
        present = self._present.pop(key, None)
        return None if present is None else self._event(LEFT, present)

    def among(self, types: Iterable[str]) -> list[Present]:
        """Those who are subscribed to types that one of these patterns could match; the hub goes on meanwhile."""
        asked, found = list(types), []
        began = perf_counter()
        for present in list(self._present.values()):
            if any(overlap(one, other) for one in asked for other in present.types):
                found.append(present)
            if perf_counter() - began > LONGEST:
                sleep(0)
                began = perf_counter()
        return found

    def _event(self, type: str, present: Present) -> Block:
        event = {"type": type, "data": msgspec.to_builtins(present)}
        draft = json_events.read_event(msgspec.json.encode(event), {}, fill=self._fill)
        return Block(-1, 1, Encoding.JSON, (type,), time.time_ns(), draft.body)


def naming_presence(types: Iterable[str]) -> list[str]:
    """Those of the patterns that name the types of these events."""
    return [pattern for pattern in types if pattern.split(".")[:2] == _TOKENS]


def overlap(one: str, other: str) -> bool:
    """Whether there could be a type that both patterns match."""
    for here, there in zip_longest(one.split("."), other.split(".")):
        if here is None or there is None:
            return False
        if ">" in (here, there):
            return True
        if "*" not in (here, there) and here != there:
            return False
    return True
