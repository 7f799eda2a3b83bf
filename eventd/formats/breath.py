"""How long work lets others have their turn: readers know no event loop, and are given what to call now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

__all__ = ["Breathe", "hold", "paced"]

T = TypeVar("T")

#: Called between two parts of long work; it may wait.
Breathe = Callable[[], object]


def hold() -> None:
    """Go on at once, where nobody else waits."""


def paced(items: Iterable[T], breathe: Breathe, in_a_row: int = 1) -> Iterator[T]:
    """The items, with a breath behind each ``in_a_row`` of them."""
    left = in_a_row
    for item in items:
        yield item
        left -= 1
        if not left:
            left = in_a_row
            breathe()
