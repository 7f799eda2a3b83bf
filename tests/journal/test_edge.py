"""The next offset is never one that was given, whatever happened to the last rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journal.support import InlineJournal, draft


@pytest.fixture
def closed(tmp_path: Path) -> InlineJournal:
    """Ten rows of two events; not open."""
    made = InlineJournal(tmp_path)
    for number in range(10):
        made.append(draft(2, body=b"[%d],[2]" % number))
    made.close()
    return made


def test_whole_rows_tell_the_next_offset(closed: InlineJournal) -> None:
    closed.open()

    assert closed.opened.end == 20
    closed.close()


@pytest.mark.parametrize("count", [0, -5, 1, 1 << 50])
def test_a_damaged_count_in_the_last_row_gives_no_offset_twice(closed: InlineJournal, count: int) -> None:
    closed.sql("UPDATE blocks SET count = ? WHERE first = 18", count)

    closed.open()

    assert closed.opened.end == 20
    assert closed.append(draft(3)).error is None
    assert [block.count for block in closed.blocks()] == [2] * 9 + [3]
    closed.reopen()
    assert closed.opened.end == closed.blocks()[-1].end
    closed.close()


@pytest.mark.parametrize(("count", "end"), [(2, 20), (-1, 18 + 7), (1 << 50, 18 + 7)])
def test_a_last_row_whose_body_is_damaged_is_taken_at_its_word_within_reason(
    closed: InlineJournal, count: int, end: int
) -> None:
    closed.sql("UPDATE blocks SET body = CAST('[9],[2 ' AS BLOB), count = ? WHERE first = 18", count)

    closed.open()

    assert closed.opened.end == end
    closed.close()


def test_a_damaged_msgpack_body_is_counted_too(closed: InlineJournal) -> None:
    closed.sql("UPDATE blocks SET body = x'80C001', count = 1, encoding = 2 WHERE first = 18")

    closed.open()

    assert closed.opened.end == 18 + 3
    closed.close()


def test_several_damaged_rows_at_the_end_are_passed_over(closed: InlineJournal) -> None:
    closed.sql("UPDATE blocks SET crc = crc + 1 WHERE first >= 14")

    closed.open()

    assert closed.opened.end >= 20
    assert closed.append(draft()).error is None
    closed.close()


@pytest.mark.parametrize("first", [1 << 62, (1 << 63) - 1])
def test_a_last_row_with_an_impossible_offset_is_left_behind(
    closed: InlineJournal, caplog: pytest.LogCaptureFixture, first: int
) -> None:
    closed.sql("UPDATE blocks SET first = ? WHERE first = 18", first)

    closed.open()

    assert closed.opened.end == 18
    assert closed.append(draft()).firsts == [18]
    assert "18 events were rescued" in caplog.text
    closed.close()


def test_a_damaged_text_in_the_last_row_is_no_trouble(closed: InlineJournal) -> None:
    closed.sql("UPDATE blocks SET origin = CAST(x'ff' AS TEXT) WHERE first = 18")

    closed.open()

    assert closed.opened.end >= 20
    closed.close()
