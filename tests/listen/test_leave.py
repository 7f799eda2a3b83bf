"""Connections are told to go in small numbers, unless somebody is in a hurry."""

from __future__ import annotations

import pytest

from eventd import green
from eventd.listen import leave as module
from eventd.listen.leave import AT_ONCE, come_back, dismiss
from tests.listen.world import on_hub, wait


class Guest:
    """Notes in which pass of the hub it was told."""

    told = -1

    def dismiss(self) -> None:
        assert self.told < 0
        self.told = green.hub().passes


def told(guests: list[Guest]) -> int:
    return sum(guest.told >= 0 for guest in guests)


@on_hub
def test_few_are_told_at_once() -> None:
    guests = [Guest() for _ in range(AT_ONCE)]
    dismiss(guests, 15.0, green.Signal())
    assert len({guest.told for guest in guests}) == 1


@on_hub
def test_many_are_told_one_part_after_the_other_within_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.01)
    for number, within, parts in ((4 * AT_ONCE, 15.0, 4), (100 * AT_ONCE, 0.2, 20)):
        guests = [Guest() for _ in range(number)]
        dismiss(guests, within, green.Signal())
        assert told(guests) == number
        assert len({guest.told for guest in guests}) == parts


@on_hub
def test_in_a_hurry_the_rest_is_told_at_once() -> None:
    guests, hurried = [Guest() for _ in range(100 * AT_ONCE)], green.Signal()
    group = green.Group("test")
    group.spawn("leave", dismiss, guests, 1000.0, hurried)
    wait(lambda: told(guests) == AT_ONCE)
    hurried.set()
    assert group.stop(5.0)
    assert told(guests) == len(guests)
    assert len({guest.told for guest in guests}) == 2


def test_each_is_asked_to_come_back_at_another_time() -> None:
    pauses = {come_back(2.0) for _ in range(20)}
    assert len(pauses) > 1
    assert all(1.0 <= pause <= 3.0 for pause in pauses)
