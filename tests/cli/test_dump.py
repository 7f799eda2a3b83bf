"""``eventd journal dump``: the right events, as they came, and a word on what is damaged."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.cli.test_journal import config_file, damaged

__all__ = ["config_file"]

Command = Callable[..., Result]


def numbers(done: Result) -> list[int]:
    assert done.exit_code == 0, done.output
    return [json.loads(line)["data"] for line in done.output.splitlines()]


def test_all_events_in_order_each_with_its_offset(eventd: Command) -> None:
    lines = [json.loads(line) for line in eventd("journal dump", "--json").output.splitlines()]

    assert [line["eventdoffset"] for line in lines] == [line["data"] for line in lines] == list(range(20))
    assert lines[0]["specversion"] == "1.0"


def test_types_and_places_choose(eventd: Command) -> None:
    assert numbers(eventd("journal dump", "--types", "a.*", "--from", "3", "--to", "9")) == [4, 6, 8]
    assert numbers(eventd("journal dump", "--types", "a.*", "--types", "c.d", "--to", "2")) == [0, 1]
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
    assert numbers(eventd("journal dump", "--from", now)) == []
    assert len(numbers(eventd("journal dump", "--to", now))) == 20


def test_damaged_events_are_told_and_the_others_printed(eventd: Command, tmp_path: Path) -> None:
    damaged(tmp_path)

    done = eventd("journal dump")

    assert done.exit_code == 1
    assert "events 4 to 5 are damaged" in done.stderr
    assert len(done.stdout.splitlines()) == 18


@pytest.mark.parametrize("wrong", [["--from", "yesterday"], ["--to", "2026-01-31T12:00:00"], ["--types", "a..b"]])
def test_what_cannot_be_understood_is_wrong_usage(eventd: Command, wrong: list[str]) -> None:
    assert eventd("journal dump", *wrong).exit_code == 2


def test_another_file_can_be_named(eventd: Command, tmp_path: Path) -> None:
    assert eventd("journal backup", str(tmp_path / "copy")).exit_code == 0

    assert numbers(eventd("journal dump", "--file", str(tmp_path / "copy"), "--from", "18")) == [18, 19]
