"""``eventd journal``: look after the journal. All but ``prune`` read its file themselves, with or without a daemon."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from eventd.cli.dump import dump
from eventd.cli.options import Settings, configured
from eventd.cli.place import journal_file
from eventd.cli.progress import bar
from eventd.config.values import SIZE
from eventd.errors import EventdError

if TYPE_CHECKING:
    from eventd.event import Block
    from eventd.journal.stats import Stats
    from eventd.journal.verify import Verified

__all__ = ["command"]

_FILE = click.option("--file", metavar="FILE", help="Look at this journal: a backup, or one that was put aside.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
#: Types that the table shows; JSON has all.
_MOST_TYPES = 20


@click.group("journal")
def command() -> None:
    """Check, print, copy and shorten the journal.

    \b
    Example:
      eventd journal stats
    """


command.add_command(dump)


@command.command("verify")
@configured
@click.option("--quick", is_flag=True, help="Leave SQLite's own check out; rows are checked all the same.")
@_JSON
@_FILE
def verify(settings: Settings, quick: bool, as_json: bool, file: str | None) -> None:
    """Check every row's checksum, that no offset is missing or given twice, and SQLite's own structures.

    Exits with 1 when anything is damaged. The daemon may run or not; while SQLite's own check
    is under way, a running daemon's WAL grows, so prefer a backup of a large journal.

    \b
    Examples:
      eventd journal verify
      eventd journal verify --file /backup/journal-north-20260131T120000Z.sqlite --json
    """
    found = _verified(journal_file(settings, file), thorough=not quick)
    if as_json:
        click.echo(json.dumps({**msgspec.to_builtins(found), "whole": found.whole}, indent=2))
    else:
        _tell(found)
    if not found.whole:
        raise click.exceptions.Exit(1)


@command.command("backup")
@configured
@click.argument("target", metavar="DIR|FILE")
@_JSON
@_FILE
def backup(settings: Settings, target: str, as_json: bool, file: str | None) -> None:
    """Copy the journal to FILE, or into DIR under a name with the time; then check the copy.

    The copy is the journal at one moment, while the daemon goes on. It is one SQLite file: to go on
    from it, stop the daemon, put it in the place of journal.sqlite, and remove journal.sqlite-wal
    and journal.sqlite-shm. An existing file is not overwritten. Exits with 1 when the copy is damaged.

    \b
    Examples:
      eventd journal backup /backup/
      eventd journal backup today.sqlite && rsync today.sqlite elsewhere:
    """
    from eventd.journal import backup as copying

    source = journal_file(settings, file)
    path = _target(settings, target)
    with bar("copying") as advance:
        copying.backup(source, path, advance)
    found = _verified(path, thorough=True)
    size = os.stat(path).st_size
    if as_json:
        click.echo(json.dumps({**msgspec.to_builtins(found), "bytes": size, "whole": found.whole}, indent=2))
    else:
        click.echo(f"{path}: {found.events:,} events, {size:,} bytes")
        _tell(found)
    if not found.whole:
        raise click.exceptions.Exit(1)


@command.command("stats")
@configured
@_JSON
@_FILE
def stats(settings: Settings, as_json: bool, file: str | None) -> None:
    """Tell how large the journal is, what is in it, and how far each consumer is.

    \b
    Examples:
      eventd journal stats
      eventd journal stats --json | jq .types
    """
    from eventd.journal.stats import collect

    path = journal_file(settings, file)
    with bar("counting") as advance:
        found = collect(path, _types_of, advance)
    if as_json:
        click.echo(json.dumps(_document(found), indent=2, ensure_ascii=False))
    else:
        _print_stats(found)


@command.command("prune")
@configured
@click.option("--before", metavar="PLACE", help="Drop events before this offset or time.")
@click.option("--size", metavar="SIZE", help="Drop the oldest events until the journal uses so many bytes (10G, 500M).")
@click.option("--unsettled", is_flag=True, help="Drop even what a consumer has not settled; it is counted as dropped.")
@_JSON
def prune(settings: Settings, before: str | None, size: str | None, unsettled: bool, as_json: bool) -> None:
    """Drop the oldest events. What a consumer has not settled stays, unless --unsettled.

    A running daemon does it itself, between its commits. Events go with their whole block, so a few
    before the place may stay, and the newest block always does. The file does not shrink: new events
    take the room.

    \b
    Examples:
      eventd journal prune --before 2026-01-01T00:00:00Z
      eventd journal prune --size 10G
    """
    if before is None and size is None:
        raise click.UsageError("say what goes: --before PLACE, --size SIZE, or both")
    from eventd.cli.pruning import prune_journal

    limit = None if size is None else _size(size)
    told = prune_journal(settings, before, limit, unsettled)
    if as_json:
        click.echo(json.dumps(told))
        return
    click.echo(f"{told['events']:,} events were dropped; the oldest is {told['first']} now.")
    for consumer, events in told["lost"].items():
        click.echo(f"  {consumer} had not settled {events:,} of them")


def _size(text: str) -> int:
    try:
        size = SIZE.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--size") from error
    assert isinstance(size, int)
    return size


def _verified(path: str, *, thorough: bool) -> Verified:
    from eventd.journal import verify as checking

    with bar("checking") as advance:
        return checking.verify(path, thorough=thorough, progress=lambda what, done, total: advance(done, total))


def _tell(found: Verified) -> None:
    for problem in found.problems:
        where = "" if problem.first is None else f" at {problem.first}"
        where += "" if problem.end is None else f" to {problem.end - 1}"
        click.echo(f"{problem.kind}{where}: {problem.why}")
    if found.lost:
        click.echo(f"{found.lost:,} events were lost in an earlier damage; that is known.")
    state = "whole" if found.whole else "DAMAGED"
    click.echo(f"{found.path} is {state}: {found.events:,} events in {found.rows:,} rows.")


def _target(settings: Settings, target: str) -> str:
    path = Path(target)
    if path.is_dir():
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        path /= f"journal-{settings.load().eventd.node}-{moment}.sqlite"
    if path.exists():
        raise EventdError(f"{path} exists", hint="name another file, or a directory")
    return str(path)


def _types_of(block: Block) -> list[str]:
    from eventd.formats.blocks import decode

    return [event.type for event in decode(block)]


def _document(found: Stats) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(found)
    document["consumers"] = {name: record._asdict() for name, record in found.consumers.items()}
    document["encodings"] = {_ENCODINGS.get(number, str(number)): n for number, n in found.encodings.items()}
    return document


_ENCODINGS = {1: "json", 2: "msgpack", 3: "forward"}


def _print_stats(found: Stats) -> None:
    from eventd.cli.tables import console, print_table

    out = console()
    print_table(out, f"Journal of {found.node}", ("what", "value"), _overview(found))
    types = list(found.types.items())
    print_table(out, "Types", ("type", "events"), types[:_MOST_TYPES])
    if len(types) > _MOST_TYPES:
        out.print(f"  and {len(types) - _MOST_TYPES} more: --json has all")
    if found.consumers:
        rows = [
            (name, r.offset, r.settled, found.dead.get(name, 0), max(0, found.end - r.done))
            for name, r in sorted(found.consumers.items())
        ]
        print_table(out, "Consumers", ("name", "offset", "settled", "dead letters", "behind"), rows)


def _overview(found: Stats) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [("file", found.path), ("epoch", found.epoch)]
    rows += [(name.replace("_", " "), f"{getattr(found, name):,}") for name in (
        "file_bytes", "wal_bytes", "used_bytes", "body_bytes", "rows", "events", "first", "end", "damaged"
    )]  # fmt: skip
    rows += [(name, _moment(getattr(found, name))) for name in ("oldest", "newest")]
    for (name, events), seconds in zip(found.recent.items(), (60, 3600, 86400), strict=False):
        rows.append((f"last {name}", f"{events:,} events, {events / seconds:,.1f} a second"))
    return rows


def _moment(nanoseconds: int) -> str:
    if not nanoseconds:
        return "–"
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(nanoseconds / 1e9))
