"""A row comes back as it was written, or is known to be damaged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.event import Block, Encoding
from eventd.journal.record import DamagedRow, Row, block_of, from_row, to_row
from tests.journal.support import draft

WHOLE = st.integers(0, 2**62)
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
BLOCKS = st.builds(
    Block,
    first=WHOLE,
    count=st.integers(1, 2**31),
    encoding=st.sampled_from(Encoding),
    types=st.lists(TEXT, max_size=4).map(tuple),
    received=WHOLE,
    body=st.binary(max_size=200),
    origin=TEXT,
)

EXAMPLE = Block(
    0, 2, Encoding.JSON, ("com.example.reading",), 1_700_000_000_000_000_000,
    b'{"specversion":"1.0","id":"1","source":"/s","type":"com.example.reading"},'
    b'{"specversion":"1.0","id":"2","source":"/s","type":"com.example.reading"}',
)  # fmt: skip


def as_read(row: Row) -> Row:
    """A reader's connection gives text as bytes."""
    return tuple(value.encode() if isinstance(value, str) else value for value in row)  # type: ignore[return-value]


@given(BLOCKS)
def test_a_block_survives(block: Block) -> None:
    assert from_row(to_row(block)) == block
    assert from_row(as_read(to_row(block))) == block


@given(BLOCKS, st.integers(0, 7), st.integers(0, 10_000))
def test_one_changed_bit_is_found(block: Block, column: int, bit: int) -> None:
    row = list(as_read(to_row(block)))
    value = row[column]
    if isinstance(value, int):
        row[column] = value ^ 1 << bit % 31
    elif value:
        changed = bytearray(value)  # type: ignore[arg-type]
        changed[bit // 8 % len(changed)] ^= 1 << bit % 8
        row[column] = bytes(changed)
    else:
        row[column] = b"x"

    with pytest.raises(DamagedRow):
        from_row(tuple(row))  # type: ignore[arg-type]


@pytest.mark.parametrize("column", range(1, 8))
def test_a_value_of_another_type_is_damage(column: int) -> None:
    row = list(as_read(to_row(EXAMPLE)))
    row[column] = None  # type: ignore[call-overload]

    with pytest.raises(DamagedRow) as caught:
        from_row(tuple(row))  # type: ignore[arg-type]

    assert caught.value.first == 0


def test_the_example_of_the_format_page(root) -> None:  # type: ignore[no-untyped-def]
    crc = to_row(EXAMPLE)[4]

    page = (root / "docs" / "journal.md").read_text()
    assert f"| crc | {crc} |" in page
    assert f"| body | `{EXAMPLE.body.decode()}` |" in page


def test_a_draft_becomes_a_block_at_its_offset() -> None:
    made = draft(3)

    block = block_of(made, 7, 99)

    assert (block.first, block.end, block.received, block.body) == (7, 10, 99, made.body)
