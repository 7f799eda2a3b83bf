"""A subscription begins where it was asked for, or says that something is missing there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from eventd.dispatch.pruning import prune_journal
from eventd.errors import InvalidSubscription
from eventd.protocol.asks import Subscribe
from eventd.subscriptions.places import begin
from tests.subscriptions.world import World, on_hub, wait


def ask(start: str | int = "now", epoch: str | None = None) -> Subscribe:
    return Subscribe(types=["a"], start=start, epoch=epoch)


@contextmanager
def kept_from(tmp_path: Path, first: int, end: int) -> Iterator[World]:
    """A journal that has dropped what lies before ``first``."""
    with World(tmp_path) as world:
        world.publish(end)
        if first:
            prune_journal(world.journal, str(first), None, True)
            wait(lambda: world.journal.first == first)
        yield world


@on_hub
@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("now", (10, True)), ("earliest", (0, True)), (0, (0, True)), (4, (4, True)), (10, (10, True)),
        ("7", (7, True)), (11, (10, False)), ("1000000000000", (10, False)),
    ],
)  # fmt: skip
def test_it_begins_where_it_was_asked_for(tmp_path: Path, start: Any, expected: tuple[int, bool]) -> None:
    with kept_from(tmp_path, 0, 10) as world:
        assert begin(world.journal, ask(start)) == expected
        assert begin(world.journal, ask(start, world.journal.epoch)) == expected


@on_hub
def test_offsets_of_another_sequence_say_nothing(tmp_path: Path) -> None:
    with kept_from(tmp_path, 0, 10) as world:
        assert begin(world.journal, ask(4, "another")) == (0, False)
        assert begin(world.journal, ask("4", "another")) == (0, False)
        # What is no offset is the same in each.
        assert begin(world.journal, ask("now", "another")) == (10, True)


@on_hub
def test_what_was_dropped_is_missing(tmp_path: Path) -> None:
    with kept_from(tmp_path, 4, 10) as world:
        assert begin(world.journal, ask(3)) == (4, False)
        assert begin(world.journal, ask(4)) == (4, True)
        assert begin(world.journal, ask(7)) == (7, True)
        assert begin(world.journal, ask("earliest")) == (4, True)


@on_hub
def test_a_time_is_the_first_event_since(tmp_path: Path) -> None:
    early, late = (datetime.now(UTC) + timedelta(hours=hours) for hours in (-1, 1))
    with kept_from(tmp_path, 0, 10) as world:
        assert begin(world.journal, ask(early.isoformat())) == (0, True)
        assert begin(world.journal, ask(late.isoformat())) == (10, True)


@on_hub
def test_since_a_time_from_which_on_events_were_dropped_something_may_be_missing(tmp_path: Path) -> None:
    early, late = (datetime.now(UTC) + timedelta(hours=hours) for hours in (-1, 1))
    with kept_from(tmp_path, 4, 10) as world:
        assert begin(world.journal, ask(early.isoformat())) == (4, False)
        assert begin(world.journal, ask(late.isoformat())) == (10, True)


@on_hub
@pytest.mark.parametrize("start", ["", "yesterday", "2026-01-31T12:00:00", "-1", "1.5"])
def test_what_is_no_place_is_refused(tmp_path: Path, start: str) -> None:
    with World(tmp_path) as world, pytest.raises(InvalidSubscription, match="from"):
        begin(world.journal, ask(start))
