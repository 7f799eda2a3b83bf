"""Whether the daemon is ready, and why not."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Check", "Health"]

#: Says what is wrong, or ``None``.
Check = Callable[[], str | None]


class Health:
    """Asks every check; each names one thing without which events cannot be taken."""

    def __init__(self) -> None:
        self._checks: list[Check] = []

    def add(self, check: Check) -> None:
        """Ask ``check``, too."""
        self._checks.append(check)

    def reasons(self) -> list[str]:
        """Why the daemon is not ready; empty when it is."""
        return [reason for check in self._checks if (reason := check()) is not None]
