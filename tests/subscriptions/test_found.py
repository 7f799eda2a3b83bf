"""Events that were handed out before are found in the journal again, or it is said that they are gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventd.errors import JournalUnavailable
from eventd.event import Block
from eventd.journal import Journal
from eventd.subscriptions.found import Found, find
from tests.subscriptions.world import World, on_hub

MUCH = 1 << 20


def places(found: Found) -> list[list[int]]:
    """The offsets that were found, by block."""
    return [[block.first + index for index in indices] for block, indices in found.events]


@on_hub
def test_events_are_found_by_the_blocks_that_hold_them(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(9, each=3)
        found = find(world.journal, [0, 2, 3, 8], MUCH)
        assert (places(found), found.gone, found.left) == ([[0, 2], [3], [8]], [], [])


@on_hub
def test_nothing_is_found_where_nothing_is_asked_for(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(3)
        assert find(world.journal, [], MUCH) == Found([], [], [])


@on_hub
def test_what_is_not_looked_for_any_more_is_left(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(6, each=2, subject="x" * 1000)
        found = find(world.journal, [0, 1, 3, 4, 5], 2500)
        # At least one block, and what is in it at no further cost.
        assert (places(found), found.gone, found.left) == ([[0, 1], [3]], [], [4, 5])
        assert places(find(world.journal, found.left, 1)) == [[4, 5]]


@on_hub
def test_what_the_journal_does_not_have_any_more_is_gone(tmp_path: Path) -> None:
    with World(tmp_path, memory=1) as world:
        world.publish(8, each=2)
        world.sql("DELETE FROM blocks WHERE first IN (0, 4)")
        found = find(world.journal, [0, 1, 3, 4, 7, 8, 9], MUCH)
        assert (places(found), found.gone, found.left) == ([[3], [7]], [0, 1, 4, 8, 9], [])


@on_hub
def test_a_disk_that_does_not_answer_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(self: Journal, offset: int, limit: int = 0) -> list[Block]:
        raise JournalUnavailable("the disk does not answer")

    with World(tmp_path) as world:
        world.publish(1)
        with monkeypatch.context() as broken:
            broken.setattr(Journal, "read", silent)
            with pytest.raises(JournalUnavailable):
                find(world.journal, [0], MUCH)
