"""The durable log: events, cursors and dead letters in one SQLite database (docs/journal.md).

    journal       the hub's face: submit, read, wait
    desk          what it answers: state, dead letters
    standing      what the hub knows without asking
    unit          what is committed at once
    jobs          what waits for the writer
    ledger        consumers' records, books and state, as a commit changes them
    writer        the native thread that commits
    housekeeping  what it does between two commits: retention, checkpoint
    bounds        what is dropped beside the events: dead letters
    reader        what a native thread reads for the hub
    state         what handlers keep, for any thread
    search        finds blocks, past what is damaged
    tail          the newest blocks, in memory
    opening       opens the files, whatever state they are in
    edge          where the next event goes, and whether it can
    rescue        copies what is readable out of damaged files; pages reads them without SQLite
    replacing     puts the rescued file in the place of the damaged one; mending does it while the writer runs
    verify, backup, stats, prune   what operators ask for
    connection, schema, record   SQLite's settings, the tables, a row and its checksum

Only ``journal`` belongs to the hub; everything else is plain code for native threads.
"""

from .connection import JournalOptions
from .deadletters import Letters
from .journal import Journal
from .ledger import Changes
from .state import StateStore
from .unit import Committed, ConsumerRecord, DeadLetter, Done, Move, Unit

__all__ = [
    "Changes",
    "Committed",
    "ConsumerRecord",
    "DeadLetter",
    "Done",
    "Journal",
    "JournalOptions",
    "Letters",
    "Move",
    "StateStore",
    "Unit",
]
