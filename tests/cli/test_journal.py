"""``eventd journal`` on a file without a daemon; with one: tests/system/test_damage.py and test_maintenance.py."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from eventd.event import Draft, Encoding
from eventd.journal import Unit
from tests.cli.conftest import StandIn
from tests.journal.support import InlineJournal

Command = Callable[..., Result]


def event(number: int, type_: str = "a.b") -> bytes:
    return json.dumps({"specversion": "1.0", "id": str(number), "source": "/s", "type": type_, "data": number}).encode()


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """A stopped daemon with a journal of 20 events in 10 rows."""
    file = tmp_path / "eventd.ini"
    file.write_text(f"[eventd]\nrun_dir = {tmp_path}\nstate_dir = {tmp_path}\nnode = north\n")
    journal = InlineJournal(tmp_path, node="north")
    for number in range(0, 20, 2):
        body = event(number) + b"," + event(number + 1, "c.d")
        journal.commit(Unit(drafts=[Draft(Encoding.JSON, 2, ("a.b", "c.d"), body, "")], cursors={"handler:h": 10}))
    journal.close()
    return file


def damaged(directory: Path) -> None:
    made = InlineJournal.__new__(InlineJournal)
    made.path = directory / "journal.sqlite"
    made.sql("UPDATE blocks SET crc = crc + 1 WHERE first = 4")


def test_a_whole_journal_is_told_as_such(eventd: Command) -> None:
    done = eventd("journal verify")

    assert done.exit_code == 0
    assert "is whole: 20 events in 10 rows" in done.output


def test_a_damaged_one_ends_with_one(eventd: Command, tmp_path: Path) -> None:
    damaged(tmp_path)

    done = eventd("journal verify", "--json")

    assert done.exit_code == 1
    told = json.loads(done.output)
    assert told["whole"] is False
    assert [(problem["first"], problem["end"]) for problem in told["problems"]] == [(4, 6)]
    assert "rows at 4 to 5: its checksum differs" in eventd("journal verify", "--quick").output


def test_stats_count_types_and_consumers(eventd: Command) -> None:
    told = json.loads(eventd("journal stats", "--json").output)

    assert (told["events"], told["types"], told["encodings"]) == (20, {"a.b": 10, "c.d": 10}, {"json": 20})
    assert told["consumers"]["handler:h"]["offset"] == 10
    text = eventd("journal stats").output
    assert "Journal of north" in text
    assert "handler:h" in text


def test_a_backup_into_a_directory_has_node_and_time_in_its_name(eventd: Command, tmp_path: Path) -> None:
    (tmp_path / "copies").mkdir()

    done = eventd("journal backup", str(tmp_path / "copies"))

    assert done.exit_code == 0, done.output
    (copy,) = (tmp_path / "copies").iterdir()
    assert copy.name.startswith("journal-north-2")
    assert json.loads(eventd("journal verify", "--file", str(copy), "--json").output)["events"] == 20


def test_a_backup_overwrites_nothing(eventd: Command, tmp_path: Path) -> None:
    assert eventd("journal backup", str(tmp_path / "one"), "--json").exit_code == 0

    done = eventd("journal backup", str(tmp_path / "one"))

    assert done.exit_code == 1
    assert "exists" in done.output


def test_a_backup_of_a_damaged_journal_is_kept_and_ends_with_one(eventd: Command, tmp_path: Path) -> None:
    damaged(tmp_path)

    done = eventd("journal backup", str(tmp_path / "one"))

    assert done.exit_code == 1
    assert "DAMAGED" in done.output
    assert (tmp_path / "one").exists()


def test_prune_without_a_daemon_takes_the_lock(eventd: Command, tmp_path: Path) -> None:
    assert json.loads(eventd("journal prune", "--before", "7", "--json").output) == {
        "events": 6, "first": 6, "lost": {},
    }  # fmt: skip
    assert "the oldest is 10 now" in eventd("journal prune", "--before", "2999-01-01T00:00:00Z").output
    text = eventd("journal prune", "--before", "14", "--unsettled").output
    assert "handler:h had not settled 4" in text

    journal = InlineJournal(tmp_path)
    assert journal.opened.first == 14
    done = eventd("journal prune", "--before", "16")
    assert done.exit_code == 1
    assert "in use by another process" in done.output
    journal.close()


def test_prune_is_the_daemons_where_one_runs(eventd: Command, daemon: StandIn) -> None:
    daemon.answer("/api/v1/journal/prune", {"events": 3, "first": 5, "lost": {}})

    assert "3 events were dropped; the oldest is 5 now" in eventd("journal prune", "--size", "1M").output
    assert json.loads(daemon.calls[0].body) == {"before": None, "size": 1 << 20, "unsettled": False}


@pytest.mark.parametrize("wrong", [[], ["--size", "much"], ["--before", "yesterday"]])
def test_prune_wants_to_know_what_goes(eventd: Command, wrong: list[str]) -> None:
    assert eventd("journal prune", *wrong).exit_code == 2


def test_a_journal_that_is_not_there_is_told_with_a_hint(eventd: Command, tmp_path: Path) -> None:
    os.unlink(tmp_path / "journal.sqlite")

    for command in ("verify", "stats", "dump"):
        done = eventd(f"journal {command}")
        assert done.exit_code == 1
        assert "there is no journal at" in done.output
        assert "state_dir" in done.output
