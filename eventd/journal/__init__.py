"""The durable log: events, cursors and dead letters in one SQLite database (docs/journal.md).

    journal       the hub's face: submit, read, wait
    unit          what is committed at once
    jobs          what waits for the writer
    ledger        consumers' records, books and state, as a commit changes them
    writer        the native thread that commits
    housekeeping  what it does between two commits: retention, checkpoint
    reader        what a native thread reads for the hub
    search        finds blocks, past what is damaged
    tail          the newest blocks, in memory
    opening       opens the files, whatever state they are in
    connection, schema, record   SQLite's settings, the tables, a row and its checksum

Only ``journal`` belongs to the hub; everything else is plain code for native threads.
"""

from .connection import JournalOptions
from .journal import Journal
from .unit import Committed, ConsumerRecord, DeadLetter, Done, Move, Unit

__all__ = ["Committed", "ConsumerRecord", "DeadLetter", "Done", "Journal", "JournalOptions", "Move", "Unit"]
