"""What is read is cut in order; a gap of the journal is passed over, and told, without what was read before it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from eventd.dispatch.intake import Intake
from eventd.event import Block
from tests.dispatch.support import block_of, numbered


class Tail:
    """A journal with what it was given."""

    def __init__(self, end: int, *blocks: Block) -> None:
        self.end = end
        self.blocks = list(blocks)

    def read(self, offset: int) -> list[Block]:
        return [block for block in self.blocks if block.end > offset][:1]

    def wait(self, offset: int, timeout: float) -> bool:
        return self.end > offset


def intake(tail: Any) -> Intake:
    return Intake("handler:it", tail, lambda type: type == "a", {})


def test_what_an_earlier_run_has_done_is_left_out() -> None:
    reading = intake(Tail(6, block_of(0, numbered("a", range(6)))))
    reading.start(1, ((2, 4), (5, 9)))
    assert reading.read()
    portion = reading.cut(10)

    assert portion is not None
    assert [event.offset for event in portion.load()] == [1, 4]
    assert portion.end == 6


def test_a_gap_is_passed_over_and_told(caplog: pytest.LogCaptureFixture) -> None:
    reading = intake(Tail(9, block_of(0, numbered("a", range(3)))))
    reading.start(0, ())
    assert reading.read() > 0
    assert reading.read() == 0
    portion = reading.cut(10)

    assert portion is not None
    assert (portion.end, reading.position, reading.cut(10)) == (3, 9, None)
    assert "events 3 to 8 are not in the journal" in caplog.text


def test_a_batch_fills_until_there_are_enough_or_it_is_to_end() -> None:
    tail = Tail(6, *[block_of(first, numbered("a", [first])) for first in range(6)])
    reading = intake(tail)
    reading.start(0, ())

    reading.fill(3, time.monotonic() + 60.0, lambda: True)
    assert reading.count == 3
    reading.fill(5, time.monotonic() - 1.0, lambda: True)
    assert reading.count == 3
    reading.fill(5, time.monotonic() + 60.0, lambda: False)
    assert reading.count == 3


def test_what_is_read_is_cut_by_its_bytes_too() -> None:
    block = block_of(0, numbered("a", range(6)))
    reading = intake(Tail(6, block))
    reading.start(0, ())
    reading.read()
    sizes = [3 * (len(block.body) // 6 + 1), 1, 1 << 20]
    portions = [reading.cut(10, size) for size in sizes]

    assert [portion and (portion.count, portion.end) for portion in portions] == [(3, 3), (1, 4), (2, 6)]
    assert (reading.count, reading.cut(10, 1)) == (0, None)
