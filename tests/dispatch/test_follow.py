"""Reading along: what matches, from where it was asked, one JSON line each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eventd import green
from eventd.dispatch import follow as module
from eventd.dispatch.follow import follow, place
from eventd.event import Event
from tests.dispatch.support import draft, forward_draft, numbered
from tests.dispatch.world import World, on_hub, wait


def told(lines: Iterator[bytes]) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in b"".join(lines).splitlines()]


@on_hub
def test_what_matches_is_told_with_its_offset(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(numbered("a", [0, 1]), forward_draft("b.c", [{"n": 2}]), draft(Event("b", 3), Event("b.d", 4)))

        lines = told(follow(world.journal, ["b.*"], "earliest", False))

        assert [(line["type"], line["eventdoffset"]) for line in lines] == [("b.c", 2), ("b.d", 4)]
        assert [line["eventdoffset"] for line in told(follow(world.journal, [">"], "1", False))] == [1, 2, 3, 4]
        assert told(follow(world.journal, [">"], "now", False)) == []


@on_hub
def test_a_place_is_a_word_an_offset_or_a_time(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(numbered("a", [0, 1]))

        assert [place(world.journal, start) for start in ("now", "earliest", "1")] == [2, 0, 1]
        assert place(world.journal, "2001-01-01T00:00:00Z") == 0
        assert place(world.journal, "2999-01-01T00:00:00Z") == 2
        for wrong in ("yesterday", "2001-01-01T00:00:00", "-1"):
            with pytest.raises(ValueError, match=f"'{wrong}' (is not now|has no offset from UTC)"):
                place(world.journal, wrong)


@on_hub
def test_a_pattern_that_is_none_is_refused_at_the_call(tmp_path: Path) -> None:
    with World(tmp_path) as world, pytest.raises(ValueError, match=r"'a\.\.b' is no pattern"):
        follow(world.journal, ["a..b"], "now", False)


@on_hub
def test_it_waits_for_what_comes_and_beats_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT", 0.001)
    heard: list[bytes] = []

    def hear(world: World) -> None:
        heard.extend(follow(world.journal, [">"], "now", True))

    with World(tmp_path) as world:
        group = green.Group("test")
        group.spawn("listener", hear, world)
        wait(lambda: b"" in heard)
        world.publish(numbered("a", [7]))
        wait(lambda: any(b'"a"' in line for line in heard))
        group.kill()
        wait(lambda: not len(group))


@on_hub
def test_a_gap_at_the_end_is_waited_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT", 0.001)
    with World(tmp_path) as world:
        world.publish(numbered("a", [0]))
        monkeypatch.setattr(world.journal, "read", lambda offset: [])

        assert next(follow(world.journal, [">"], "earliest", True)) == b""
