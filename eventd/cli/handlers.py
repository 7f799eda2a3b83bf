"""``eventd handlers``: handlers, event types and durable subscriptions at work."""

from __future__ import annotations

import json
from typing import Any

import click

from eventd.cli.connection import DaemonConnection
from eventd.cli.options import Settings, configured
from eventd.cli.status import where
from eventd.cli.terminal import safe

__all__ = ["command"]

_COLUMNS = (
    "name", "state", "run", "types", "cursor", "pending", "settled", "dead", "dead_letters", "retries", "stalls",
)  # fmt: skip
#: What goes where there is no room for all, the first one first.
_LEAST = ("cursor", "retries", "dead_letters", "stalls", "run", "types")
#: Patterns of a handler that the table shows; JSON has all.
_MOST_TYPES = 3


@click.group("handlers")
def command() -> None:
    """Tell how handlers and durable subscriptions do, pause and resume them.

    \b
    Examples:
      eventd handlers list
      eventd handlers pause archive
      eventd handlers forget subscription:workers
    """


@command.command("list")
@configured
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_(settings: Settings, as_json: bool) -> None:
    """List handlers, event types and durable subscriptions: what each gets, where it is, how far it lags, its books.

    \b
    Examples:
      eventd handlers list
      eventd handlers list --json | jq '.[] | select(.pending > 1000) | .name'
    """
    rows = DaemonConnection(settings.load().eventd.run_dir).get("/api/v1/handlers")
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not rows:
        click.echo("No handler runs.")
        return
    # Slow to import, and JSON needs none of it.
    from eventd.cli.tables import console, print_table

    told = [{**row, "types": _types(row["types"]), "run": where(row)} for row in rows]
    table = [[row.get(column) for column in _COLUMNS] for row in told]
    print_table(console(), "Handlers", _COLUMNS, table, _LEAST)


@command.command("pause")
@configured
@click.argument("name")
def pause(settings: Settings, name: str) -> None:
    """Hand a handler, an event type or a durable subscription nothing more, until it is resumed.

    It finishes what is in its hands. Its events wait in the journal, as those of one that is slow;
    so do dead letters that are to be tried again. Replays are refused. Of volatile events the
    newest 16 MiB wait, and older ones are dropped. It is paused after a restart, too.

    \b
    Examples:
      eventd handlers pause archive
      eventd handlers pause subscription:workers
    """
    told = _put(settings, "pause", name)
    click.echo(f"{safe(told['name'])} {'is paused' if told['changed'] else 'was paused already'}")


@command.command("resume")
@configured
@click.argument("name")
def resume(settings: Settings, name: str) -> None:
    """Let one that is paused go on, where it was.

    One that is disabled goes on when the daemon is started again.

    \b
    Example:
      eventd handlers resume archive
    """
    told = _put(settings, "resume", name)
    state = _state(settings, told["name"])
    goes_on = "goes on" if state != "disabled" else "is paused no more"
    click.echo(f"{safe(told['name'])} {goes_on if told['changed'] else 'was not paused'}")
    if state == "disabled":
        click.echo("It stays disabled, as the daemon's log says why: mend it, then restart the daemon.")


@command.command("forget")
@configured
@click.argument("name")
def forget(settings: Settings, name: str) -> None:
    """Forget a durable subscription that has no members: its place is gone, and what it had not settled.

    Until then the journal keeps what it has not settled, for as long as retention_size allows.

    \b
    Example:
      eventd handlers forget subscription:workers
    """
    DaemonConnection(settings.load().eventd.run_dir).tell("/api/v1/handlers/forget", {"name": name})
    click.echo(f"{name} is forgotten")


def _put(settings: Settings, order: str, name: str) -> dict[str, Any]:
    connection = DaemonConnection(settings.load().eventd.run_dir)
    told: dict[str, Any] = connection.tell(f"/api/v1/handlers/{order}", {"name": name})
    return told


def _state(settings: Settings, name: str) -> str:
    rows = DaemonConnection(settings.load().eventd.run_dir).get("/api/v1/handlers")
    return next((str(row["state"]) for row in rows if row["name"] == name), "")


def _types(patterns: list[str]) -> str:
    more = len(patterns) - _MOST_TYPES
    return ", ".join(patterns[:_MOST_TYPES]) + (f" and {more} more" if more > 0 else "")
