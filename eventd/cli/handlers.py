"""``eventd handlers``: handlers, event types and durable subscriptions at work."""

from __future__ import annotations

import json

import click

from eventd.cli.connection import DaemonConnection
from eventd.cli.options import Settings, configured

__all__ = ["command"]

_COLUMNS = ("name", "state", "types", "cursor", "pending", "settled", "dead", "dead_letters", "retries")
#: Patterns of a handler that the table shows; JSON has all.
_MOST_TYPES = 3


@click.group("handlers")
def command() -> None:
    """Tell how handlers and durable subscriptions do.

    \b
    Examples:
      eventd handlers list
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

    table = [[_types(row["types"]) if column == "types" else row[column] for column in _COLUMNS] for row in rows]
    print_table(console(), "Handlers", _COLUMNS, table)


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


def _types(patterns: list[str]) -> str:
    more = len(patterns) - _MOST_TYPES
    return ", ".join(patterns[:_MOST_TYPES]) + (f" and {more} more" if more > 0 else "")
