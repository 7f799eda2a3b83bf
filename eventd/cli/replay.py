"""``eventd replay``: a range of the journal through one handler once more."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import click

from eventd.cli.connection import DaemonConnection
from eventd.cli.options import Settings, configured
from eventd.cli.terminal import safe

__all__ = ["command"]

_PATH = "/api/v1/replay"


class _Show(Protocol):
    def __call__(self, told: dict[str, Any]) -> object:
        """Show how far it is."""


@click.command("replay")
@configured
@click.argument("handler")
@click.option(
    "--from", "start", metavar="PLACE", default="earliest", show_default=True,
    help="Where to begin: earliest, an offset, or a time such as 2026-01-31T12:00:00Z.",
)  # fmt: skip
@click.option(
    "--to", "end", metavar="PLACE", default="now", show_default=True,
    help="Before which to end, in the same forms; now is where the handler is.",
)  # fmt: skip
@click.option("--types", metavar="PATTERN", multiple=True, help="Only events of these types; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Only count what would be replayed.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def command(
    settings: Settings, handler: str, start: str, end: str, types: tuple[str, ...], dry_run: bool, as_json: bool
) -> None:
    """Run events of the journal through a handler once more.

    Its place and its live events are not touched. It sees the events as it did before, and what it
    emits and keeps becomes durable as ever, so it should be one that may see an event twice. When
    this is broken off, the same command goes on where it was. Exits with 1 when an event failed:
    those are dead letters then.

    \b
    Examples:
      eventd replay archive --from 2026-01-31T12:00:00Z --to 2026-01-31T13:00:00Z
      eventd replay archive --types 'com.example.>' --dry-run
    """
    order = {"handler": handler, "from": start, "to": end, "types": list(types), "dry_run": dry_run}
    lines = DaemonConnection(settings.load().eventd.run_dir).progress(_PATH, order)
    try:
        with _bar() as show:
            last = _follow(lines, show)
    except KeyboardInterrupt:
        click.echo("Broken off; the same command goes on where it was.", err=True)
        raise click.exceptions.Exit(1) from None
    click.echo(json.dumps(last) if as_json else _outcome(last, dry_run))
    if last.get("state") != "done" or last["dead"]:
        raise click.exceptions.Exit(1)


def _follow(lines: Iterable[dict[str, Any]], show: _Show) -> dict[str, Any]:
    last: dict[str, Any] = {}
    for last in lines:
        show(last)
    return last


@contextmanager
def _bar() -> Iterator[_Show]:
    """On a terminal a bar with rate and remaining time; else a line every so often is of use to nobody."""
    if not sys.stderr.isatty():
        yield lambda told: None
        return
    # Slow to import, and a pipe needs none of it.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(),
        TextColumn("{task.fields[rate]}", markup=False), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("replaying", total=None, rate="")

        def show(told: dict[str, Any]) -> None:
            progress.update(
                task, description=told["state"], completed=told["offset"] - told["first"],
                total=told["end"] - told["first"], rate=f"{told['rate']:,.0f} events/s",
            )  # fmt: skip

        yield show


def _outcome(last: dict[str, Any], dry_run: bool) -> str:
    if not last:
        return "The daemon told nothing."
    where = f"of offsets {last['first']:,} to {last['end'] - 1:,}" if last["end"] > last["first"] else "of no offset"
    if dry_run:
        return f"{last['events']:,} events {where} would be replayed through {safe(last['handler'])}."
    text = f"{last['events']:,} events {where} were replayed through {safe(last['handler'])}"
    text += f" in {last['seconds']:.1f} s, {last['rate']:,.0f} a second."
    if last["resumed"]:
        text += " It went on from where it had been broken off."
    if last["dead"]:
        text += f" {last['dead']:,} of them failed: eventd dead list --handler {safe(last['handler'])}"
    if last["state"] != "done":
        text += f" It did not end: {safe(last.get('error') or last['state'])}"
    return text
