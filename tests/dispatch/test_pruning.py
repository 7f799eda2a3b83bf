"""Pruning by the daemon: the journal's beginning moves at once, and what is needed stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventd.dispatch.pruning import prune_journal
from tests.dispatch.support import numbered
from tests.dispatch.world import World, on_hub


@on_hub
def test_events_go_and_the_journal_knows_where_it_begins(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        for number in range(5):
            world.publish(numbered("a", [number]))

        assert prune_journal(world.journal, "3", None, False) == {"events": 3, "first": 3, "lost": {}}

        assert world.journal.first == 3
        assert prune_journal(world.journal, None, 1, False)["first"] == 4


@on_hub
def test_a_place_that_is_none_is_refused(tmp_path: Path) -> None:
    with World(tmp_path) as world, pytest.raises(ValueError):
        prune_journal(world.journal, "soon", None, False)
