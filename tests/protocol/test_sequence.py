"""What came before a fault is given out."""

from __future__ import annotations

import pytest

from eventd.protocol.sequence import then_raise


def test_the_error_comes_last() -> None:
    seen = []
    with pytest.raises(ValueError, match="bad"):
        for item in then_raise([1, 2], ValueError("bad")):
            seen.append(item)  # noqa: PERF402  what came before the error is what is tested
    assert seen == [1, 2]
