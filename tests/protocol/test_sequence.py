"""What came before a fault is given out."""

from __future__ import annotations

import pytest

from eventd.protocol.sequence import then_raise


def test_the_error_comes_last() -> None:
    items = then_raise([1, 2], ValueError("bad"))
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ValueError, match="bad"):
        next(items)
