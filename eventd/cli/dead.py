"""``eventd dead``: the events that handlers gave up: look at them, try them again, drop them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any

import click

from eventd.cli.connection import DaemonConnection, NotThere, Query
from eventd.cli.options import Settings, configured
from eventd.cli.progress import bar
from eventd.cli.terminal import safe, safe_lines

__all__ = ["command"]

_PATH = "/api/v1/dead"
#: As many as one answer of the daemon has.
_PAGE = 1000
_COLUMNS = ("id", "consumer", "type", "offset", "attempts", "last_time", "reason")
#: Characters of a reason that the table shows; ``show`` and JSON have all.
_MOST_REASON = 80
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _filtered(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that choose dead letters; it gets them as ``criteria``."""

    @click.option("--handler", metavar="NAME", help="Those of this handler or event type.")
    @click.option("--type", metavar="TYPE", help="Those of events of this type.")
    @click.option("--after", metavar="TIME", help="Those last tried at this time or later (2026-01-31T12:00:00Z).")
    @click.option("--before", metavar="TIME", help="Those last tried before this time.")
    @wraps(function)
    def command(
        *args: Any, handler: str | None, type: str | None, after: str | None, before: str | None, **kwargs: Any
    ) -> Any:
        criteria = {"consumer": handler, "type": type, "since": after, "before": before}
        given = {name: value for name, value in criteria.items() if value is not None}
        return function(*args, criteria=given, **kwargs)

    return command


def _choosing(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, and ids and ``--all``: one of them must be there."""

    @click.argument("ids", metavar="[ID]...", type=click.IntRange(min=1), nargs=-1)
    @click.option("--all", "everything", is_flag=True, help="All of them.")
    @_filtered
    @wraps(function)
    def command(*args: Any, ids: tuple[int, ...], everything: bool, criteria: dict[str, Any], **kwargs: Any) -> Any:
        chosen: dict[str, Any] = {**criteria, **({"ids": list(ids)} if ids else {})}
        if everything == bool(chosen):
            raise click.UsageError("say which: by ID, --handler, --type, --after or --before; or --all, alone")
        return function(*args, chosen={"all": True} if everything else chosen, **kwargs)

    return command


@click.group("dead")
def command() -> None:
    """Look after dead letters: events that a handler gave up.

    \b
    Example:
      eventd dead list
    """


@command.command("list")
@configured
@_filtered
@click.option("-n", "--count", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many.")
@_JSON
def list_(settings: Settings, criteria: dict[str, str], count: int, as_json: bool) -> None:
    """List dead letters, oldest first.

    \b
    Examples:
      eventd dead list --handler archive
      eventd dead list --after 2026-01-31T12:00:00Z --json | jq -r '.[].reason' | sort | uniq -c
    """
    letters = list(_letters(_daemon(settings), criteria, count + 1))
    shown = letters[:count]
    if as_json:
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    if not shown:
        click.echo("There are no dead letters.")
        return
    # Slow to import, and JSON needs none of it.
    from eventd.cli.tables import console, print_table

    print_table(console(), "Dead letters", _COLUMNS, [_row(letter) for letter in shown])
    if len(letters) > count:
        click.echo("There are more: --count shows more of them, eventd status tells how many.")


@command.command("show")
@configured
@click.argument("number", metavar="ID", type=click.IntRange(min=1))
@_JSON
def show(settings: Settings, number: int, as_json: bool) -> None:
    """Tell all about one dead letter: the event, and what its handler raised.

    \b
    Examples:
      eventd dead show 12
      eventd dead show 12 --json | jq .event.data
    """
    try:
        letter = _daemon(settings).get(f"{_PATH}/{number}")
    except NotThere as error:
        # The daemon's own hint is for those who speak HTTP.
        raise NotThere(error.message, hint="eventd dead list") from error
    if as_json:
        click.echo(json.dumps(letter, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_text(letter)))


@command.command("retry")
@configured
@_choosing
@_JSON
def retry(settings: Settings, chosen: dict[str, Any], as_json: bool) -> None:
    """Send dead letters through their handlers again, with as many attempts as a new event has.

    One that is handled now leaves the dead letters, together with what came of it. One that fails
    again stays, with its attempts added. Breaking this off leaves the others as they were.
    Those of a handler that is paused wait until it is resumed.
    Exits with 1 when any failed again.

    \b
    Examples:
      eventd dead retry 12 13
      eventd dead retry --handler archive --after 2026-01-31T12:00:00Z
    """
    last: dict[str, Any] = {}
    told: set[str] = set()
    with bar("retrying") as advance:
        for last in _daemon(settings).progress(f"{_PATH}/retry", chosen):
            _tell_paused(last.get("paused", ()), told)
            advance(last["settled"] + last["failed"] + last["skipped"], last["chosen"])
    if as_json:
        click.echo(json.dumps(last))
    else:
        click.echo(_outcome(last))
    if not last.get("done") or last["failed"] or last.get("error"):
        raise click.exceptions.Exit(1)


@command.command("drop")
@configured
@_choosing
@_JSON
def drop(settings: Settings, chosen: dict[str, Any], as_json: bool) -> None:
    """Drop dead letters for good. How many is counted, and told by eventd status.

    \b
    Examples:
      eventd dead drop 12
      eventd dead drop --type com.example.reading --before 2026-01-01T00:00:00Z
    """
    told = _daemon(settings).tell(f"{_PATH}/drop", chosen)
    click.echo(json.dumps(told) if as_json else f"{told['dropped']:,} dead letters were dropped.")


def _daemon(settings: Settings) -> DaemonConnection:
    return DaemonConnection(settings.load().eventd.run_dir)


def _letters(daemon: DaemonConnection, criteria: dict[str, str], count: int) -> Iterator[dict[str, Any]]:
    """The letters, page by page."""
    after = 0
    while count > 0:
        query: Query = [*criteria.items(), ("after", str(after)), ("limit", str(min(count, _PAGE)))]
        page = daemon.get(_PATH, query)
        yield from page
        if len(page) < min(count, _PAGE):
            return
        count -= len(page)
        after = page[-1]["id"]


def _row(letter: dict[str, Any]) -> list[object]:
    reason = safe(letter["reason"])
    cut = reason if len(reason) <= _MOST_REASON else reason[:_MOST_REASON] + "…"
    return [str(letter[column]) if column in ("id", "offset") else letter[column] for column in _COLUMNS[:-1]] + [cut]


def _text(letter: dict[str, Any]) -> Iterator[str]:
    yield f"Dead letter {letter['id']} of {safe(letter['consumer'])}"
    yield f"  event: {safe(letter['type'])} at offset {letter['offset']}"
    yield f"  attempts: {letter['attempts']}, from {letter['first_time']} to {letter['last_time']}"
    yield f"  reason: {safe(letter['reason'])}"
    yield ""
    yield from safe_lines(json.dumps(letter["event"], indent=2, ensure_ascii=False))
    if letter["traceback"]:
        yield ""
        yield from safe_lines(letter["traceback"].rstrip("\n"))


def _tell_paused(names: Iterable[str], told: set[str]) -> None:
    """Say what is waited for, once for each name."""
    for name in map(safe, names):
        if name not in told:
            told.add(name)
            click.echo(f"{name} is paused, its dead letters wait: eventd handlers resume {name}", err=True)


def _outcome(last: dict[str, Any]) -> str:
    if not last:
        return "The daemon told nothing."
    text = f"{last['settled']:,} of {last['chosen']:,} dead letters are settled now, {last['failed']:,} failed again."
    if last["skipped"]:
        text += f" {last['skipped']:,} were skipped: gone, or tried again already, or without a handler."
    if last.get("error"):
        text += f" {safe(last['error'])}"
    return text
