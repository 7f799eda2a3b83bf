"""``eventd journal dump``: the events of a journal as JSON lines, read from its file."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from eventd.cli.options import Settings, configured
from eventd.cli.place import journal_file, nanoseconds

if TYPE_CHECKING:
    from eventd.event import Block
    from eventd.journal.reader import Reader
    from eventd.routing import Patterns

__all__ = ["dump", "place"]

#: Bytes of bodies that are read at a time.
READ_BYTES = 4 << 20


@click.command("dump")
@configured
@click.option("--types", "patterns", metavar="PATTERN", multiple=True, help="Only types that match; may be repeated.")
@click.option("--from", "start", metavar="PLACE", help="An offset, or a time such as 2026-01-31T12:00:00Z.")
@click.option("--to", "stop", metavar="PLACE", help="Where to end: the first event that is not printed.")
@click.option("--json", "as_json", is_flag=True, help="One CloudEvent a line, on a terminal, too.")
@click.option("--file", metavar="FILE", help="Read this journal: a backup, or one that was put aside.")
def dump(
    settings: Settings,
    patterns: tuple[str, ...],
    start: str | None,
    stop: str | None,
    as_json: bool,
    file: str | None,
) -> None:
    """Print the events of the journal, oldest first, each with its eventdoffset.

    The daemon may run or not. On a terminal each event is a line to read; in a pipe or with
    --json it is a CloudEvent in JSON. Events that are damaged are told on stderr, and the
    command then ends with 1.

    \b
    Examples:
      eventd journal dump --types 'com.example.>' --from 2026-01-31T12:00:00Z --json | gzip > day.json.gz
      eventd journal dump --file journal-backup.sqlite --to 1000
    """
    from eventd.cli.tail import pretty
    from eventd.routing import Patterns, valid_pattern

    wrong = [pattern for pattern in patterns if not valid_pattern(pattern)]
    if wrong:
        raise click.BadParameter(f"{wrong[0]!r} is not a pattern of types", param_hint="--types")
    people = sys.stdout.isatty() and not as_json
    wanted = Patterns(patterns or (">",))
    damaged = [0]
    for block, first, end in _blocks(journal_file(settings, file), start, stop, damaged):
        for line in _lines(block, wanted, first, end):
            sys.stdout.buffer.write((pretty(_json(line)) + "\n").encode() if people else line)
    sys.stdout.buffer.flush()
    if damaged[0]:
        raise click.exceptions.Exit(1)


def place(path: str, where: str) -> int:
    """The offset that an offset or a time stands for, in the journal at ``path``."""
    if where.isdecimal():
        return int(where)
    moment = nanoseconds(where)
    with _reading(path) as (reader, first, end):
        return reader.offset_at(moment, first, end)


@contextmanager
def _reading(path: str) -> Iterator[tuple[Reader, int, int]]:
    """Somebody who reads the journal, and its bounds."""
    from eventd.journal.connection import connect, unavailable
    from eventd.journal.edge import bounds
    from eventd.journal.reader import Reader

    try:
        connection = connect(path, writable=False)
        try:
            first, end = bounds(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise unavailable(error, "read") from error
    reader = Reader(partial(connect, path, writable=False))
    try:
        yield reader, first, end
    finally:
        reader.close()


def _blocks(path: str, start: str | None, stop: str | None, damaged: list[int]) -> Iterator[tuple[Block, int, int]]:
    with _reading(path) as (reader, first, end):
        first = max(first, place(path, start)) if start else first
        end = min(end, place(path, stop)) if stop else end
        offset = first
        while offset < end:
            scan = reader.scan(offset, end, READ_BYTES)
            for hole in scan.holes:
                damaged[0] += 1
                click.echo(f"eventd: events {hole.first} to {hole.end - 1} are damaged: {hole.why}", err=True)
            for block in scan.blocks:
                yield block, first, end
            offset = scan.upto


def _lines(block: Block, wanted: Patterns, first: int, end: int) -> Iterator[bytes]:
    from eventd.formats import blocks, json_events

    if block.types and not any(map(wanted.matches, block.types)):
        return
    for event in blocks.decode(block):
        if first <= event.offset < end and wanted.matches(event.type):
            event.attributes["eventdoffset"] = event.offset
            yield json_events.write(event) + b"\n"


def _json(line: bytes) -> dict[str, object]:
    import msgspec

    return msgspec.json.decode(line, type=dict[str, object])
