"""Long work takes its breaths."""

from __future__ import annotations

import pytest

from eventd.formats.breath import hold, paced


@pytest.mark.parametrize(("count", "in_a_row", "breaths"), [(0, 1, 0), (3, 1, 3), (5, 2, 2), (6, 2, 3), (1, 9, 0)])
def test_a_breath_comes_behind_so_many(count: int, in_a_row: int, breaths: int):
    taken: list[None] = []
    assert list(paced(range(count), lambda: taken.append(None), in_a_row)) == list(range(count))
    assert len(taken) == breaths


def test_where_nobody_waits_it_goes_on():
    assert list(paced("abc", hold)) == ["a", "b", "c"]
