"""An answer that is waited for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from eventd.client.failures import ClientFailure

__all__ = ["Promise"]

T = TypeVar("T")


class Promise(Generic[T]):
    """A request, until it has an ``outcome``: what was asked for, or why it cannot be had."""

    __slots__ = ("_told", "outcome", "watched")

    def __init__(self) -> None:
        self.outcome: T | ClientFailure | None = None
        #: Somebody looks at the outcome: a failure need not be told otherwise.
        self.watched = False
        self._told: list[Callable[[], None]] = []

    def when_done(self, call: Callable[[], None]) -> None:
        """Have ``call`` called once, when there is an outcome; at once when there is one."""
        if self.outcome is None:
            self._told.append(call)
        else:
            call()

    def end(self, outcome: T | ClientFailure) -> None:
        """This is the outcome."""
        self.outcome = outcome
        told, self._told = self._told, []
        for call in told:
            call()

    def value(self) -> T:
        """The outcome of a promise that has one.

        :raises ClientFailure: when that is a failure.
        """
        if isinstance(self.outcome, ClientFailure):
            raise self.outcome
        assert self.outcome is not None
        return self.outcome
