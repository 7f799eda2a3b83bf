"""A program that commits as fast as it can and says how far it is: to be killed by a test.

Each block's body is its own offset; the cursor is the end of the block before.
"""

from __future__ import annotations

import os
import sys
import threading
from functools import partial

from eventd.event import Draft, Encoding
from eventd.journal import JournalOptions, Unit
from eventd.journal.checkpoint import Checkpointer
from eventd.journal.connection import connect
from eventd.journal.opening import open_journal
from eventd.journal.writer import Job, Outcome, Writer


def main(path: str) -> None:
    options = JournalOptions(wal_bytes=1 << 20)
    checkpointer = Checkpointer(partial(connect, path))
    threading.Thread(target=checkpointer.run, daemon=True).start()
    writer = Writer(path, options, lambda fn, *args: fn(*args), tell, lambda *_: None, checkpointer=checkpointer)
    opened, _ = open_journal(path, writer)
    tell_number(opened.end)
    end = opened.end
    while True:
        for _ in range(3):
            count = end % 7 + 1
            body = b"%d " % end * (end % 3 * 2000 + 1)
            unit = Unit(drafts=[Draft(Encoding.JSON, count, ("t",), body)], cursors={"c": end})
            writer.submit(Job(unit, lambda _outcome: None, len(body)))
            end += count
        writer.step()


def tell(outcome: Outcome) -> None:
    if outcome.error is not None:
        raise outcome.error
    tell_number(outcome.end)


def tell_number(number: int) -> None:
    """Like an acknowledgement: it leaves the process at once."""
    os.write(1, b"%d\n" % number)


if __name__ == "__main__":
    main(sys.argv[1])
