"""The journal against a plain model of it: anything in any order, with kills between any two commits."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from eventd.event import Block, Draft, Encoding
from eventd.journal import Unit
from eventd.journal.deadletters import Letters, list_letters
from tests.journal.support import InlineJournal, letter

CONSUMERS = st.sampled_from(["handler:a", "handler:b"])
DRAFTS = st.builds(
    Draft,
    encoding=st.sampled_from(Encoding),
    count=st.integers(0, 5),
    types=st.lists(st.sampled_from(["a", "b.c", "d.é"]), unique=True, max_size=3).map(tuple),
    body=st.binary(max_size=40) | st.integers(10_000, 60_000).map(lambda size: b"x" * size),
    origin=st.sampled_from(["", "forward://here"]),
)


class Model(RuleBasedStateMachine):
    """What must be readable, and what the journal says."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.copies = itertools.count()
        self.end = 0
        self.rows: list[tuple[int, Draft]] = []
        self.cursors: dict[str, int] = {}
        self.dead: set[tuple[str, int]] = set()
        self.journal = InlineJournal(Path(self.directory.name), wal_bytes=1 << 20)

    @rule(units=st.lists(st.tuples(st.lists(DRAFTS, max_size=3), st.none() | CONSUMERS, st.booleans()), max_size=4))
    def commit(self, units: list[tuple[list[Draft], str | None, bool]]) -> None:
        made, firsts = [], []
        for drafts, consumer, gives_up in units:
            firsts.append(self.end)
            place = self.cursors.get(consumer, 0) if consumer else 0
            moved = {consumer: min(place + 1, self.end)} if consumer else {}
            letters = [letter(consumer, place)] if consumer and gives_up else []
            made.append(Unit(drafts=drafts, cursors=moved, dead=letters))
            for draft in drafts:
                if draft.count:
                    self.rows.append((self.end, draft))
                    self.end += draft.count
            self.cursors |= moved
            self.dead |= {(found.consumer, found.offset) for found in letters}
        if made:
            self.journal.commit(*made)
            assert [first for outcome in self.journal.outcomes for first in outcome.firsts] == firsts
            self.journal.outcomes.clear()

    @rule()
    def restart(self) -> None:
        self.journal.reopen()

    @rule()
    def kill(self) -> None:
        copy = self.journal.copy_to(Path(self.directory.name) / f"copy-{next(self.copies)}")
        self.journal.close()
        self.journal = InlineJournal(copy, wal_bytes=1 << 20)

    @rule()
    def checkpoint(self) -> None:
        self.journal.sql("PRAGMA wal_checkpoint(PASSIVE)")

    @precondition(lambda self: self.end)
    @rule(data=st.data(), limit=st.integers(0, 3000))
    def read(self, data: st.DataObject, limit: int) -> None:
        offset = data.draw(st.integers(0, self.end - 1))
        scan = self.journal.scan(offset, self.end, limit)
        expected = [row for row in self.rows if row[0] + row[1].count > offset]
        assert list(map(self.plain, scan.blocks)) == expected[: len(scan.blocks)]
        assert scan.blocks
        assert scan.upto == scan.blocks[-1].end

    @invariant()
    def everything_is_there(self) -> None:
        scan = self.journal.scan(0, self.end)
        assert list(map(self.plain, scan.blocks)) == self.rows
        assert scan.holes == []
        assert self.journal.reader.cursors() == self.cursors
        letters = self.journal.reader.ask(lambda c: list_letters(c, Letters(limit=1000)))
        assert {(found.consumer, found.offset) for found in letters} == self.dead

    @invariant()
    def the_start_knows_the_end(self) -> None:
        assert self.journal.opened.end <= self.end

    @staticmethod
    def plain(block: Block) -> tuple[int, Draft]:
        return block.first, Draft(block.encoding, block.count, block.types, block.body, block.origin)

    def teardown(self) -> None:
        self.journal.close()
        self.directory.cleanup()


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
