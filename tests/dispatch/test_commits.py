"""Cursors are written from time to time, outcomes before anything goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from eventd import green
from eventd.dispatch import commits as module
from eventd.dispatch.commits import Commits, Cursors
from eventd.errors import JournalUnavailable
from eventd.journal import Committed, DeadLetter, Unit
from tests.dispatch.support import numbered
from tests.dispatch.world import on_hub, wait


class Log:
    """A journal's door: remembers units, answers at once with what it was told to."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.units: list[Unit] = []
        self.held: list[Callable[[], None]] = []
        self.hold = False

    def submit(self, unit: Unit, done: Callable[[Any], None]) -> None:
        self.units.append(unit)
        answer = self.answers.pop(0) if self.answers else Committed(0, [])
        if self.hold:
            self.held.append(lambda: done(answer))
        else:
            green.hub().call_soon(lambda: done(answer))

    @property
    def cursors(self) -> list[dict[str, int]]:
        return [unit.cursors for unit in self.units]


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GATHERED_FOR", 0.001)
    monkeypatch.setattr(module, "TRY_AGAIN", 0.001)


def dead(offset: int) -> DeadLetter:
    return DeadLetter("c", offset, b"{}", 1, 1, 1, "why")


@on_hub
def test_moves_are_gathered_and_the_newest_wins() -> None:
    log = Log()
    cursors = Cursors(log.submit, green.hub())
    for offset in range(5):
        cursors.move("a", offset)
    cursors.move("b", 7)

    wait(lambda: log.units)

    assert log.cursors == [{"a": 4, "b": 7}]


@on_hub
def test_a_place_that_could_not_be_written_is_written_later_unless_a_newer_one_is() -> None:
    log = Log(JournalUnavailable("full"))
    log.hold = True
    cursors = Cursors(log.submit, green.hub())
    cursors.move("a", 1)
    cursors.move("b", 1)
    cursors.flush()
    cursors.move("a", 2)
    log.hold = False
    log.held.pop()()

    wait(lambda: len(log.units) == 2)

    assert log.cursors[1] == {"a": 2, "b": 1}


@on_hub
def test_stop_writes_what_waits_and_says_whether_it_is_durable() -> None:
    log = Log()
    cursors = Cursors(log.submit, green.hub())
    cursors.move("a", 1)

    assert cursors.stop(1.0)
    assert log.cursors == [{"a": 1}]


@on_hub
def test_stop_ends_when_the_journal_does_not_answer() -> None:
    log = Log()
    log.hold = True
    cursors = Cursors(log.submit, green.hub())
    cursors.move("a", 1)

    assert not cursors.stop(0.01)


@on_hub
def test_a_move_alone_is_not_waited_for() -> None:
    log = Log()
    log.hold = True

    assert Commits("a", log.submit, Cursors(log.submit, green.hub()), lambda seconds: False).commit(3, [], [])


@on_hub
def test_an_outcome_is_committed_with_the_cursor_in_one_unit() -> None:
    log = Log()
    cursors = Cursors(log.submit, green.hub())
    commits = Commits("a", log.submit, cursors, lambda seconds: False)
    cursors.move("a", 2)

    assert commits.commit(3, [numbered("x", [1]), numbered("x", [2])], [dead(2)])

    (unit,) = log.units
    assert (unit.cursors, [draft.count for draft in unit.drafts], len(unit.dead)) == ({"a": 3}, [2], 1)
    cursors.flush()
    assert len(log.units) == 1


@on_hub
def test_an_outcome_is_tried_again_until_the_daemon_stops() -> None:
    log = Log(*(JournalUnavailable("full", retry_after=2.5) for _ in range(9)))
    pauses: list[float] = []

    def wait_for(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) == 3

    assert not Commits("a", log.submit, Cursors(log.submit, green.hub()), wait_for).commit(1, [], [dead(0)])
    assert pauses == [2.5, 2.5, 2.5]


@on_hub
def test_an_older_place_that_was_refused_is_not_written_behind_a_newer_outcome() -> None:
    log = Log(JournalUnavailable("full"))
    cursors = Cursors(log.submit, green.hub())
    cursors.move("a", 10)
    cursors.flush()

    assert Commits("a", log.submit, cursors, lambda seconds: False).commit(20, [numbered("x", [1])], [])

    assert cursors.stop(1.0)
    assert log.cursors == [{"a": 10}, {"a": 20}]
