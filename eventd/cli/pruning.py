"""``eventd journal prune``: by the daemon where one runs, else with the journal's lock."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from eventd.cli.connection import DaemonConnection, Unreachable
from eventd.cli.dump import place
from eventd.cli.options import Settings
from eventd.cli.place import journal_file

if TYPE_CHECKING:
    from eventd.journal.ledger import Changes
    from eventd.journal.prune import Pruned

__all__ = ["prune_journal"]

#: Seconds: dropping a large journal takes a while, since commits go on between the steps.
WITHIN = 3600.0


def prune_journal(settings: Settings, before: str | None, size: int | None, unsettled: bool) -> dict[str, Any]:
    """Drop events; how many, the oldest offset that is left, and by consumer what it had not settled.

    :raises Refused: when the daemon does not do it.
    :raises JournalUnavailable: when there is no daemon, and the journal is in use or cannot be written.
    """
    wish = {"before": before, "size": size, "unsettled": unsettled}
    try:
        daemon = DaemonConnection(settings.load().eventd.run_dir, WITHIN)
        told: dict[str, Any] = daemon.tell("/api/v1/journal/prune", wish)
    except Unreachable:
        # No daemon, or one that is stuck: that one has the lock.
        told = _alone(journal_file(settings), before, size, unsettled)
    return told


def _alone(path: str, before: str | None, size: int | None, unsettled: bool) -> dict[str, Any]:
    from eventd.journal.connection import connect, lock, unavailable
    from eventd.journal.ledger import Ledger
    from eventd.journal.prune import Limits, prune_all
    from eventd.journal.schema import prepare

    try:
        handle = lock(path)
    except OSError as error:
        raise unavailable(error) from error
    try:
        _give_to_owner(path)
        offset = 0 if before is None else place(path, before)
        connection = connect(path)
        try:
            prepare(connection, "")
            ledger = Ledger()
            ledger.read(connection)

            def perform(work: Callable[[sqlite3.Connection, Changes], Pruned]) -> Pruned:
                changes = ledger.stage()
                connection.execute("BEGIN IMMEDIATE")
                done = work(connection, changes)
                changes.write(connection)
                connection.execute("COMMIT")
                ledger.take(changes)
                return done

            done = prune_all(perform, Limits(offset, size, unsettled), lambda: ledger.cursors)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise unavailable(error) from error
    finally:
        os.close(handle)
    return {"events": done.events, "first": done.first, "lost": done.lost}


def _give_to_owner(path: str) -> None:
    """What root made here must be the daemon's, too."""
    owner = os.stat(path)
    if os.geteuid() == 0:
        os.chown(path + ".lock", owner.st_uid, owner.st_gid)
