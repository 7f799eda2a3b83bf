"""A large outcome comes in parts that are small, and is the same when they are together."""

from __future__ import annotations

from typing import Any

import pytest

from eventd.calls import parts
from eventd.calls.collector import Collector
from eventd.calls.messages import HEAD, Outcome, from_worker
from eventd.calls.parts import PART_BYTES, Gathered, frames_of
from eventd.calls.told import tell
from eventd.errors import MalformedInput
from eventd.event import Draft, Event
from eventd.formats.blocks import decode
from tests.dispatch.support import block_of


def outcome(**more: Any) -> Outcome:
    given = {"drafts": [], "failures": {}, "raised": None, "changes": {}, "read": [], "spent": False, "number": 7}
    return Outcome(**{**given, **more})


def emitted(*events: list[Event]) -> list[Draft]:
    collector = Collector("eventd://n/handler/x", {})
    collector.open()
    for together in events:
        collector.emit(*together)
    return collector.close()


def datas(drafts: list[Draft]) -> list[object]:
    return [event.data for draft in drafts for event in decode(block_of(0, draft))]


def sent(given: Outcome) -> tuple[list[int], Outcome]:
    """The sizes of the messages, and what comes out of them."""
    frames, gathered = frames_of(given), Gathered()
    *before, last = [gathered.add(_part(framed), len(framed)) for framed in frames]
    assert not any(before)
    assert last is not None
    return [len(framed) for framed in frames], last


def _part(framed: bytes) -> Outcome:
    part = from_worker(framed[HEAD:])
    assert isinstance(part, Outcome)
    return part


def test_a_small_one_is_one_message() -> None:
    given = outcome(drafts=emitted([Event("a", 1)], [Event("b", 2)]), changes={"k": None}, read=["k"])
    sizes, got = sent(given)
    assert len(sizes) == 1
    assert got == given
    assert datas(got.drafts) == [1, 2]


@pytest.mark.parametrize("read", [None, [f"{n:06}" for n in range(60_000)]])
def test_a_large_one_comes_in_small_parts(read: list[str] | None) -> None:
    singly, together = [[Event("a", n)] for n in range(3000)], [Event("b", n) for n in range(6000)]
    given = outcome(
        drafts=emitted(*singly, together), failures={n: tell(ValueError("x" * 900)) for n in range(500)},
        changes={f"key {n}": b"v" * 10 if n % 2 else None for n in range(30_000)}, read=read, spent=True,
    )  # fmt: skip
    sizes, got = sent(given)

    assert len(sizes) > 5
    assert max(sizes) < 2 * PART_BYTES
    assert datas(got.drafts) == [*range(3000), *range(6000)]
    assert (got.failures, got.changes, got.read) == (given.failures, given.changes, given.read)
    assert (got.raised, got.spent, got.number, got.more) == (None, True, 7, False)


def test_one_thing_is_not_cut() -> None:
    sizes, got = sent(outcome(changes={"small": b"1", "large": b"x" * (2 * PART_BYTES), "behind": b"2"}))
    assert len(sizes) == 4
    assert list(got.changes) == ["small", "large", "behind"]


def test_what_is_too_large_in_all_is_neither_sent_nor_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    given = outcome(changes={f"{n:06}": b"x" * 20 for n in range(30_000)})
    frames = frames_of(given)
    monkeypatch.setattr(parts, "MOST_MESSAGE", sum(map(len, frames)) - 1)
    with pytest.raises(MalformedInput, match="less at a time"):
        frames_of(given)
    gathered = Gathered()
    with pytest.raises(MalformedInput, match="at most"):
        [gathered.add(_part(framed), len(framed)) for framed in frames]


def test_parts_of_different_outcomes_do_not_become_one() -> None:
    gathered = Gathered()
    assert gathered.add(outcome(more=True), 1) is None
    with pytest.raises(MalformedInput, match="outcome 8"):
        gathered.add(outcome(number=8), 1)
