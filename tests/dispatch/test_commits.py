"""Units of one consumer follow each other without waiting, leave no gap, and are never lost or doubled."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from eventd import green
from eventd.dispatch import commits as module
from eventd.dispatch.commits import NEW, Commits
from eventd.errors import EventdError, JournalUnavailable, Superseded
from eventd.journal import Committed, ConsumerRecord, DeadLetter, Move, Unit
from tests.dispatch.support import numbered
from tests.dispatch.world import on_hub, wait

Answer = Callable[[Committed | EventdError], None]


class Log:
    """A journal's door that keeps the fence: answers in order, refuses what does not follow."""

    def __init__(self, *answers: EventdError | None) -> None:
        self.answers = list(answers)
        self.units: list[Unit] = []
        self.taken: list[Unit] = []
        self.held: list[Callable[[], None]] = []
        self.hold = False
        self.offset = 0

    def submit(self, unit: Unit, done: Answer) -> None:
        self.units.append(unit)
        self.held.append(lambda: done(self._take(unit)))
        if not self.hold:
            self.release()

    def release(self) -> None:
        held, self.held = self.held, []
        for answer in held:
            green.hub().call_soon(answer)

    def _take(self, unit: Unit) -> Committed | EventdError:
        answer = self.answers.pop(0) if self.answers else None
        if answer is None and unit.expect["c"] not in (self.offset, NEW):
            answer = Superseded("it does not follow")
        if answer is not None:
            return answer
        self.taken.append(unit)
        self.offset = unit.moves["c"].offset
        return Committed(0, [])


class Line:
    """Commits, and what they tell."""

    def __init__(self, log: Log, durable: int = 0) -> None:
        self.landed: list[Unit] = []
        self.lost: list[int] = []
        self.commits = Commits(
            "c", log.submit, green.hub(), ConsumerRecord(0), durable, self.landed.append, lambda: self.lost.append(1)
        )


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GATHERED_FOR", 0.001)
    monkeypatch.setattr(module, "TRY_AGAIN", 0.001)


def dead(offset: int) -> DeadLetter:
    return DeadLetter("c", offset, b"{}", 1, 1, 1, "why")


@on_hub
def test_moves_are_gathered_into_one_with_all_counts() -> None:
    log = Log()
    commits = Line(log).commits
    commits.settle((3, ()), settled=2)
    commits.settle((5, ((6, 9),)), settled=5)

    wait(lambda: log.units)

    assert [unit.moves for unit in log.units] == [{"c": Move(5, ((6, 9),), settled=7, passed=1)}]
    assert commits.record == ConsumerRecord(5, ((6, 9),), settled=7, passed=1)


@on_hub
def test_an_outcome_goes_with_the_moves_before_it_in_one_unit() -> None:
    log = Log()
    commits = Line(log).commits
    commits.settle((2, ()), settled=2)
    commits.settle((4, ()), 1, 1, [numbered("x", [1]), numbered("x", [2])], [dead(2)], [9], {"k": b"v"})

    (unit,) = log.units
    assert (unit.moves, unit.expect) == ({"c": Move(4, (), settled=3, dead=1)}, {"c": 0})
    assert ([draft.count for draft in unit.drafts], len(unit.dead), unit.raised) == ([2], 1, [9])
    assert unit.state == {"c": {"k": b"v"}}


@on_hub
def test_outcomes_do_not_wait_for_the_disk_until_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_UNITS", 3)
    log = Log()
    log.hold = True
    line = Line(log)
    group = green.Group("test")

    def settle() -> None:
        for end in range(1, 9):
            line.commits.settle((end, ()), settled=1, state={"k": b"v"})

    group.spawn("it", settle)
    wait(lambda: len(log.units) == 4)
    assert [unit.expect["c"] for unit in log.units] == [0, 1, 2, 3]

    log.hold = False
    log.release()
    wait(lambda: len(line.landed) == 8)
    assert log.offset == 8


@on_hub
def test_what_is_refused_is_sent_again_in_its_order_with_all_behind_it() -> None:
    log = Log(JournalUnavailable("full", retry_after=0.001))
    log.hold = True
    line = Line(log)
    for end in (1, 2, 3):
        line.commits.settle((end, ()), settled=1, drafts=[numbered("x", [end])])
    log.hold = False
    log.release()
    line.commits.settle((4, ()), settled=1, drafts=[numbered("x", [4])])

    wait(lambda: len(line.landed) == 4)

    assert [unit.moves["c"].offset for unit in log.taken] == [1, 2, 3, 4]
    assert not line.lost


@on_hub
def test_when_the_journal_has_gone_another_way_the_line_is_lost_and_says_so() -> None:
    log = Log()
    log.offset = 7
    line = Line(log)
    line.commits.settle((1, ()), settled=1, drafts=[numbered("x", [1])])
    line.commits.settle((2, ()), settled=1, drafts=[numbered("x", [2])])

    wait(lambda: line.lost)
    line.commits.close()

    assert (line.commits.broken, line.landed, log.taken) == (True, [], [])


@on_hub
def test_a_place_that_is_refused_is_not_sent_again_and_again_beside_itself() -> None:
    log = Log(JournalUnavailable("full", retry_after=0.1))
    line = Line(log)
    for end in range(1, 50):
        line.commits.settle((end, ()), settled=1)
        green.sleep(0.001)

    assert len(log.units) == 1
    wait(lambda: line.commits.record.offset == log.offset)
    assert sum(unit.moves["c"].settled for unit in log.taken) == 49


@on_hub
def test_nothing_follows_a_unit_without_a_place_of_its_own_before_it_is_durable() -> None:
    log = Log(JournalUnavailable("full", retry_after=0.001))
    line = Line(log)
    line.commits.settle((0, ()), settled=1, lost=-1, raised=[4])

    assert log.taken[0].moves["c"] == Move(0, (), settled=1, dead=-1)
    assert not line.commits.pending


@on_hub
def test_the_place_of_a_new_consumer_is_written_though_it_has_not_moved() -> None:
    log = Log()
    line = Line(log, NEW)
    line.commits.flush()
    line.commits.close()

    assert (log.units[0].expect, log.units[0].moves) == ({"c": NEW}, {"c": Move(0)})


@on_hub
def test_closing_writes_what_waits() -> None:
    log = Log()
    line = Line(log)
    line.commits.settle((3, ()), settled=3)
    line.commits.close()

    assert (log.offset, line.commits.pending) == (3, False)


@on_hub
def test_closing_ends_when_the_journal_refuses() -> None:
    log = Log(*[JournalUnavailable("full", retry_after=60.0)] * 5)
    line = Line(log)
    line.commits.settle((1, ()), settled=1, drafts=[numbered("x", [1])])
    line.commits.settle((2, ()), settled=1, drafts=[numbered("x", [2])])
    line.commits.stop()
    line.commits.close()

    assert line.commits.pending


@on_hub
def test_draining_tells_whether_all_is_durable() -> None:
    line = Line(Log())
    line.commits.settle((1, ()), settled=1, drafts=[numbered("x", [1])])
    assert line.commits.drain()

    refused = Line(Log(*[JournalUnavailable("full", retry_after=60.0)] * 5))
    refused.commits.settle((1, ()), settled=1, drafts=[numbered("x", [1])])
    refused.commits.stop()
    assert not refused.commits.drain()
