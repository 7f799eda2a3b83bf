"""Ways to damage a journal that is closed."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

from eventd.event import Block
from eventd.journal import Unit
from eventd.journal.connection import PAGE_SIZE
from tests.journal.support import InlineJournal, draft, letter

__all__ = ["filled", "garble", "pages_of", "root_of"]


def filled(directory: Path, rows: int = 400, **options: object) -> list[Block]:
    """Make a journal of so many rows, some of which need pages of their own, and close it; its blocks."""
    journal = InlineJournal(directory, node="north", **options)
    journal.commit(Unit(cursors={"handler:h": 7}, dead=[letter("handler:h", 3)], state={"handler:h": {"k": b"v"}}))
    for number in range(0, rows, 10):
        journal.append(*[draft(10, body=_body(number + index)) for index in range(10)])
    blocks = journal.blocks()
    journal.close()
    return blocks


def _body(number: int) -> bytes:
    return b",".join([b'"%06d%b"' % (number, b"x" * (4000 if number % 7 == 0 else 300))] * 10)


def garble(path: Path, *numbers: int) -> None:
    """Overwrite these pages; 1 is the first."""
    raw = bytearray(path.read_bytes())
    for number in numbers:
        raw[(number - 1) * PAGE_SIZE : number * PAGE_SIZE] = random.Random(number).randbytes(PAGE_SIZE)
    path.write_bytes(raw)


def root_of(path: Path, table: str) -> int:
    """The number of a table's first page."""
    connection = sqlite3.connect(path)
    (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    connection.close()
    return int(root)


def pages_of(path: Path, wanted: Callable[[bytes], bool]) -> list[int]:
    """The numbers of the pages that ``wanted`` picks."""
    raw = path.read_bytes()
    pages = [raw[start : start + PAGE_SIZE] for start in range(0, len(raw), PAGE_SIZE)]
    return [number for number, page in enumerate(pages, 1) if wanted(page)]
