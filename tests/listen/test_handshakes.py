"""Handshakes are counted, above a number nobody is let in, and the silent lock nobody out."""

from __future__ import annotations

from eventd.listen.handshakes import Handshakes
from tests.listen.world import on_hub, wait


class Watched:
    """Writes down what the listener is told."""

    def __init__(self, most: int) -> None:
        self.told: list[str] = []
        self.handshakes = Handshakes(most, lambda: self.told.append("full"), lambda: self.told.append("free"))


@on_hub
def test_above_the_number_the_listener_waits_until_one_ends() -> None:
    watched = Watched(2)
    one, other = watched.handshakes.begin(), watched.handshakes.begin()
    assert watched.told == ["full"]
    one.end()
    one.end()
    assert watched.told == ["full", "free"]
    third = watched.handshakes.begin()
    assert watched.told == ["full", "free", "full"]
    third.end()
    other.end()
    assert watched.handshakes.under_way == 0


@on_hub
def test_without_a_number_nobody_waits() -> None:
    watched = Watched(0)
    for handshake in [watched.handshakes.begin() for _ in range(100)]:
        handshake.end()
    assert watched.told == []


@on_hub
def test_who_is_silent_counts_no_more() -> None:
    watched = Watched(1)
    handshake = watched.handshakes.begin()
    wait(lambda: watched.told == ["full", "free"])
    handshake.end()
    assert watched.handshakes.under_way == 0
