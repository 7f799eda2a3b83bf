"""What waits without being in ingest is counted, and has the doors stop reading."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

from eventd.backlog import Backlog
from eventd.duplicates import Duplicates
from eventd.errors import EventdError, JournalUnavailable
from eventd.event import Draft, Encoding
from eventd.ingest import DRAFT_BYTES, Done
from eventd.volatile import Volatile

BODY = b'{"specversion":"1.0","id":"1","source":"/s","type":"a.b"}'
PULSE = BODY.replace(b"a.b", b"a.pulse")


class Parts:
    """A backlog before what is tested, and a journal that takes its time."""

    def __init__(self, most: int) -> None:
        self.told: list[bool] = []
        self.held: list[Done] = []
        self.answers: list[EventdError | None] = []
        self.backlog = Backlog(self.told.append, most)

    def journal(self, drafts: list[Draft], count: int, done: Done) -> None:
        self.held.append(done)

    def answer(self, error: EventdError | None = None) -> None:
        for done in self.held:
            done(1, error)
        self.held = []

    def done(self, first: int, error: EventdError | None) -> None:
        self.answers.append(error)


def draft(body: bytes = BODY, type: str = "a.b") -> Draft:
    return Draft(Encoding.JSON, 1, (type,), body)


def test_copies_of_what_is_under_way_are_counted_while_they_wait() -> None:
    parts = Parts(3 * (len(BODY) + DRAFT_BYTES))
    duplicates = Duplicates(parts.journal, lambda call: call(), SimpleNamespace(duplicates=0), 60.0)
    submit = parts.backlog.before(duplicates.submit_all)
    for _ in range(4):
        submit([draft()], 1, parts.done)
    assert len(parts.held) == 1
    assert parts.told == [True]

    parts.answer()
    assert parts.answers == [None] * 4
    assert parts.told == [True, False]
    assert parts.backlog.size == 0


def test_volatile_events_are_counted_while_they_wait_for_durable_ones() -> None:
    parts = Parts(1000)
    book = SimpleNamespace(volatile=0, held=0, refused=Counter[str]())
    volatile = Volatile(frozenset({"a.pulse"}), lambda drafts: None, lambda call: call(), book)
    submit = parts.backlog.before(volatile.before(parts.journal))
    submit([draft(), draft(PULSE, "a.pulse")], 2, parts.done)
    assert parts.backlog.size == len(BODY) + len(PULSE) + 2 * DRAFT_BYTES
    assert parts.told == [True]

    parts.answer(JournalUnavailable("the disk is full"))
    assert parts.backlog.size == 0
    assert parts.told == [True, False]
