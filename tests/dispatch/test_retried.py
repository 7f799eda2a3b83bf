"""Whoever has dead letters tried again hears of each of them, once."""

from __future__ import annotations

from eventd.dispatch.retried import Retried
from eventd.event import Event
from eventd.formats import json_events
from eventd.journal import DeadLetter, Unit


def letter(number: int) -> DeadLetter:
    event = json_events.write(Event("a", {"k": number}, id=str(number), source="/s"))
    return DeadLetter("c", number, event, 1, 1, 1, "why", id=number)


def test_each_is_told_once_when_it_is_durable_or_will_not_be() -> None:
    told: list[tuple[int, bool]] = []
    retried = Retried(lambda event: event.data["k"], {})
    waiting = list(retried.take([letter(1), letter(2), letter(3)], lambda *it: told.append(it)))

    retried.landed(Unit(raised=[1, 9], dead=[letter(2), DeadLetter("c", 8, b"{}", 1, 1, 1, "another")]))
    retried.landed(Unit(raised=[1]))
    assert told == [(1, True), (2, False)]
    retried.give_up()
    assert told[2:] == [(3, False)]
    assert [(one.key, one.offset, one.alone) for one in waiting] == [(1, 1, True), (2, 2, True), (3, 3, True)]
