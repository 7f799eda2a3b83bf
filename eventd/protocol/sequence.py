"""What came before a fault is still good: give it out, then raise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

__all__ = ["then_raise"]

T = TypeVar("T")


def then_raise(items: Iterable[T], error: Exception) -> Iterator[T]:
    """All of ``items``, and ``error`` where the iteration would end."""
    yield from items
    raise error
