"""The journal against a plain model of it: anything in any order, with a kill at every statement of a commit."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from eventd.event import Block, Draft, Encoding
from eventd.journal import DeadLetter, Letters, Move, Unit
from eventd.journal.deadletters import list_letters
from eventd.journal.ledger import Changes
from eventd.journal.writer import SUPERSEDED
from tests.journal.crashing import Crashing
from tests.journal.plain import Place, Plain
from tests.journal.support import InlineJournal, letter

NAMES = ["handler:a", "handler:b"]
KINDS = ["settled", "settled", "dead", "passed"]
DRAFTS = st.builds(
    Draft,
    encoding=st.sampled_from(Encoding),
    count=st.integers(0, 5),
    types=st.lists(st.sampled_from(["a", "b.c", "d.é"]), unique=True, max_size=3).map(tuple),
    body=st.binary(max_size=40) | st.integers(10_000, 60_000).map(lambda size: b"x" * size),
    origin=st.sampled_from(["", "forward://here"]),
)
STATE = st.dictionaries(
    st.sampled_from(NAMES),
    st.dictionaries(st.sampled_from(["", "k", "k/1", "é"]), st.none() | st.binary(max_size=30), max_size=3),
    max_size=2,
)
#: Of the offsets that a consumer has not done, which ones a unit does, and as what.
OUTCOME = st.dictionaries(st.integers(0, 8), st.sampled_from(KINDS), max_size=5)


class Wish(Unit):
    """A unit as far as it does not depend on what was before it."""

    consumer: str | None = None
    outcome: dict[int, str] = msgspec.field(default_factory=dict)
    #: What a unit had done that never came.
    missing: dict[int, str] = msgspec.field(default_factory=dict)
    fenced: bool = False
    raises: bool = False


WISHES = st.lists(
    st.builds(
        Wish,
        drafts=st.lists(DRAFTS, max_size=3),
        state=STATE,
        books=st.dictionaries(st.sampled_from(["x", "y"]), st.integers(1, 3), max_size=2),
        consumer=st.none() | st.sampled_from(NAMES),
        outcome=OUTCOME,
        missing=st.just({}) | OUTCOME,
        fenced=st.booleans(),
        raises=st.booleans(),
    ),
    max_size=4,
)


class Model(RuleBasedStateMachine):
    """What must be readable, and what the journal says."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.copies = itertools.count()
        self.plain = Plain()
        self.open(Path(self.directory.name))

    def open(self, directory: Path) -> None:
        self.journal = InlineJournal(directory, wal_bytes=1 << 20)
        # So small that pages are in the WAL before the commit is.
        self.journal.writer._connection.execute("PRAGMA cache_size = 5")

    @rule(wishes=WISHES)
    def commit(self, wishes: list[Wish]) -> None:
        self.try_to_commit(wishes)

    @rule(wishes=WISHES.filter(bool), at=st.integers(0, 12), after=st.booleans())
    def kill_within_a_commit(self, wishes: list[Wish], at: int, after: bool) -> None:
        before, copies = self.plain.copy(), []
        connection = Crashing(self.journal.writer._connection, at, after, lambda: copies.append(self.copy_files()))
        self.journal.writer._connection = connection  # type: ignore[assignment]  # as good as one
        self.try_to_commit(wishes, connection)
        self.journal.writer._connection = connection._connection
        if copies:
            self.plain = self.plain if connection.committed else before
            self.move_to(copies[0])

    def try_to_commit(self, wishes: list[Wish], crashing: Crashing | None = None) -> None:
        made = [self.make(wish) for wish in wishes]
        if not made:
            return
        self.journal.commit(*(unit for unit, _ in made))
        if crashing is None or not crashing.dead:
            assert [first for outcome in self.journal.outcomes for first in outcome.firsts] == [n for _, n in made]
        self.journal.outcomes.clear()

    def make(self, wish: Wish) -> tuple[Unit, int]:
        """The unit, and the offset that the model says it gets; the model is brought up to date."""
        unit = Unit(drafts=wish.drafts, state=wish.state, books=wish.books)
        if wish.consumer is not None and not self.act(wish, wish.consumer, unit):
            return unit, SUPERSEDED
        return unit, self.plain.append(unit)

    def act(self, wish: Wish, name: str, unit: Unit) -> bool:
        """Add to the unit what its consumer did; false where it must be refused."""
        known = self.plain.places.get(name)
        place = known or Place(self.plain.end)
        if wish.missing and wish.fenced and known is not None:
            lost = self.plain.copy().places[name]
            missed = lost.move(self.chosen(lost, wish.missing))
            unit.expect = {name: lost.offset}
            unit.moves = {name: lost.move(self.chosen(lost, wish.outcome))}
            if missed.counted:
                return False
        unit.expect = {name: place.offset if known else -1} if wish.fenced else {}
        outcome = self.chosen(place, wish.outcome)
        unit.moves = {name: place.move(outcome)}
        unit.dead = [letter(name, offset) for offset, kind in outcome.items() if kind == "dead"]
        self.plain.letters |= {(name, dead.offset) for dead in unit.dead}
        self.plain.places[name] = place
        if wish.raises:
            self.raise_one(unit, name, place)
        return True

    def chosen(self, place: Place, outcome: dict[int, str]) -> dict[int, str]:
        undone = place.undone(self.plain.end)
        return {undone[index]: kind for index, kind in outcome.items() if index < len(undone)}

    def raise_one(self, unit: Unit, name: str, place: Place) -> None:
        """Settle a dead letter of before."""
        # What it gave up before it was forgotten is not in its books any more.
        found = [dead for dead in self.letters() if dead.consumer == name and place.done.get(dead.offset) == "dead"]
        if found and (name, found[0].offset) in self.plain.letters:
            self.plain.letters.discard((name, found[0].offset))
            place.done[found[0].offset] = "settled"
            move = unit.moves[name]
            unit.raised = [found[0].id]
            unit.moves = {name: Move(move.offset, move.above, move.settled + 1, move.dead - 1, move.passed)}

    @rule()
    def restart(self) -> None:
        self.journal.reopen()

    @rule()
    def kill(self) -> None:
        self.move_to(self.copy_files())

    @rule(name=st.sampled_from(NAMES))
    def forget(self, name: str) -> None:
        def work(connection: object, changes: Changes) -> bool:
            return changes.forget(connection, name, 1000)  # type: ignore[arg-type]  # it is the writer's

        assert self.journal.perform(work)
        self.plain.places.pop(name, None)
        self.plain.state = {key: value for key, value in self.plain.state.items() if key[0] != name}

    @rule()
    def checkpoint(self) -> None:
        self.journal.sql("PRAGMA wal_checkpoint(PASSIVE)")

    @precondition(lambda self: self.plain.end)
    @rule(data=st.data(), limit=st.integers(0, 3000))
    def read(self, data: st.DataObject, limit: int) -> None:
        offset = data.draw(st.integers(0, self.plain.end - 1))
        scan = self.journal.scan(offset, self.plain.end, limit)
        expected = [row for row in self.plain.rows if row[0] + row[1].count > offset]
        assert list(map(self.row, scan.blocks)) == expected[: len(scan.blocks)]
        assert scan.blocks
        assert scan.upto == scan.blocks[-1].end

    @invariant()
    def everything_is_there(self) -> None:
        scan = self.journal.scan(0, self.plain.end)
        assert list(map(self.row, scan.blocks)) == self.plain.rows
        assert scan.holes == []
        assert {(found.consumer, found.offset) for found in self.letters()} == self.plain.letters
        state = self.journal.sql("SELECT consumer, key, value FROM state")
        assert {(consumer, key): value for consumer, key, value in state} == self.plain.state
        assert dict(self.journal.sql("SELECT name, count FROM books")) == self.plain.books

    @invariant()
    def the_books_balance(self) -> None:
        found = self.journal.reader.consumers()
        assert found == {name: place.record() for name, place in self.plain.places.items()}
        for record in found.values():
            assert record.done - record.since == record.settled + record.dead + record.passed

    @invariant()
    def the_start_knows_the_end(self) -> None:
        assert self.journal.opened.end <= self.plain.end

    def letters(self) -> list[DeadLetter]:
        return self.journal.reader.ask(lambda connection: list_letters(connection, Letters(limit=1000)))

    def copy_files(self) -> Path:
        return self.journal.copy_to(Path(self.directory.name) / f"copy-{next(self.copies)}")

    def move_to(self, directory: Path) -> None:
        self.journal.close()
        self.open(directory)

    @staticmethod
    def row(block: Block) -> tuple[int, Draft]:
        return block.first, Draft(block.encoding, block.count, block.types, block.body, block.origin)

    def teardown(self) -> None:
        self.journal.close()
        self.directory.cleanup()


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
