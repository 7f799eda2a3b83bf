"""Drops the journal's oldest events while the daemon runs, between its commits."""

from __future__ import annotations

from typing import Any

from eventd.dispatch.follow import place
from eventd.journal import Journal
from eventd.journal.prune import Limits, Pruned, prune_all

__all__ = ["prune_journal"]


def prune_journal(journal: Journal, before: str | None, size: int | None, unsettled: bool) -> dict[str, Any]:
    """Drop events; how many, the oldest offset that is left, and by consumer what it had not settled.

    :raises ValueError: when ``before`` cannot be understood.
    :raises JournalUnavailable: when the disk refuses; what was dropped before is dropped.
    """
    limits = Limits(0 if before is None else place(journal, before), size, unsettled)

    def tell(step: Pruned) -> None:
        journal.first = max(journal.first, step.first)

    done = prune_all(journal.perform, limits, lambda: journal.cursors, tell)
    return {"events": done.events, "first": done.first, "lost": done.lost}
