"""Patterns of event types, and who wants which type.

The patterns are those of NATS: tokens between dots, ``*`` for exactly one token, and
``>`` at the end for one or more. Who is behind a pattern is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

__all__ = ["Patterns", "Router", "valid_pattern"]

T = TypeVar("T")

ONE, REST = "*", ">"

#: Types remembered with who wants them: types come from senders, so that the number must
#: be bounded; when it is reached, all are forgotten and found again.
REMEMBERED = 8192

#: Longer types are looked up each time, lest they fill the memory.
MOST_REMEMBERED = 256


def valid_pattern(pattern: str) -> bool:
    """Whether the pattern can match a type: no empty token, no space, ``>`` only at the end."""
    tokens = pattern.split(".")
    return all(tokens) and REST not in tokens[:-1] and not any(character.isspace() for character in pattern)


class _Node(Generic[T]):
    """A place in the tree of tokens, with who is reached when a type ends here."""

    __slots__ = ("children", "here", "rest")

    def __init__(self) -> None:
        self.children: dict[str, _Node[T]] = {}
        # By subscriber the order in which it was added: one of many leaves without a look at the others.
        self.here: dict[T, int] = {}
        self.rest: dict[T, int] = {}


class Router(Generic[T]):
    """Finds the subscribers of a type, in the order in which they were added, each once.

    What was found is remembered, so that the number of patterns costs nothing from
    the second event of a type on.
    """

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()
        self._added = 0
        self._remembered: dict[str, tuple[T, ...]] = {}

    def add(self, pattern: str, subscriber: T) -> None:
        """Subscribe to the types that the pattern matches.

        :raises ValueError: when the pattern is not valid.
        """
        if not valid_pattern(pattern):
            raise ValueError(f"{pattern!r} is no pattern: tokens between dots, * for one, > at the end for the rest")
        self._entries(pattern).setdefault(subscriber, self._added)
        self._added += 1
        self._remembered.clear()

    def remove(self, pattern: str, subscriber: T) -> None:
        """Take back what ``add`` did with the same arguments; nothing happens where it did not."""
        self._entries(pattern).pop(subscriber, None)
        self._prune(self._root, pattern.split("."))
        self._remembered.clear()

    def match(self, type: str) -> tuple[T, ...]:
        """The subscribers of a type."""
        found = self._remembered.get(type)
        return self._find(type) if found is None else found

    def _entries(self, pattern: str) -> dict[T, int]:
        node = self._root
        for token in pattern.split("."):
            if token == REST:
                return node.rest
            node = node.children.setdefault(token, _Node())
        return node.here

    def _prune(self, node: _Node[T], tokens: list[str]) -> bool:
        """Drop the places on the way to a pattern that hold nothing any more; tell whether this one does."""
        child = node.children.get(tokens[0]) if tokens else None
        if child is not None and self._prune(child, tokens[1:]):
            del node.children[tokens[0]]
        return not (node.children or node.here or node.rest)

    def _find(self, type: str) -> tuple[T, ...]:
        entries: dict[T, int] = {}
        level = [self._root]
        for token in type.split("."):
            for node in level:
                _join(entries, node.rest)
            level = [node.children[key] for node in level for key in {token, ONE} if key in node.children]
        for node in level:
            _join(entries, node.here)
        found = tuple(sorted(entries, key=entries.__getitem__))
        if len(type) <= MOST_REMEMBERED:
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            self._remembered[type] = found
        return found


def _join(entries: dict[T, int], more: dict[T, int]) -> None:
    """Add subscribers, each with the first order that it has."""
    for subscriber, order in more.items():
        if order < entries.get(subscriber, order + 1):
            entries[subscriber] = order


class Patterns:
    """A set of patterns, asked whether a type is among them."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._router: Router[bool] = Router()
        for pattern in patterns:
            self._router.add(pattern, True)

    def matches(self, type: str) -> bool:
        """Whether any of the patterns matches the type."""
        return bool(self._router.match(type))
