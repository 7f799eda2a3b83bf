from __future__ import annotations

from pathlib import Path

from eventd import Event, green
from eventd.app.giving_up import GivenUp, TellingJournal
from eventd.formats import json_events
from eventd.journal import DeadLetter, JournalOptions, Unit
from tests.dispatch.world import on_hub


def letter(offset: int) -> DeadLetter:
    event = json_events.write(Event("a", {"n": 1}, id="1", source="/s", subject="x"))
    return DeadLetter("handler:h", offset, event, 5, 1, 2, "ZeroDivisionError: division by zero", "Traceback …")


def test_the_error_has_the_event_and_why_it_was_given_up() -> None:
    error = GivenUp.of(letter(7))

    assert str(error) == "ZeroDivisionError: division by zero"
    assert error.event == Event("a", {"n": 1}, id="1", source="/s", subject="x")
    assert (error.event.offset, error.attempts, error.traceback) == (7, 5, "Traceback …")


@on_hub
def test_a_dead_letter_is_told_when_it_is_durable_and_not_before(tmp_path: Path) -> None:
    told: list[int] = []
    bridge = green.Bridge()
    journal = TellingJournal(
        tmp_path / "journal", bridge, JournalOptions(fsync=False), on_dead=lambda letter: told.append(letter.offset)
    )
    refused, committed, other = green.Signal(), green.Signal(), green.Signal()
    journal.submit(Unit(dead=[letter(1)]), refused.set)
    refused.wait()
    assert told == []

    journal.open()
    journal.submit(Unit(dead=[letter(1), letter(2)]), committed.set)
    journal.submit(Unit(cursors={"handler:h": 1}), other.set)
    other.wait()
    assert committed.is_set()
    assert told == [1, 2]
    journal.close()
    bridge.close()
