"""``eventd handlers``: the handlers and event types at work."""

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
    """Tell how the handlers do.

    \b
    Example:
      eventd handlers list
    """


@command.command("list")
@configured
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_(settings: Settings, as_json: bool) -> None:
    """List the handlers and event types that the daemon runs: what each gets, where it is, and its books.

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


def _types(patterns: list[str]) -> str:
    more = len(patterns) - _MOST_TYPES
    return ", ".join(patterns[:_MOST_TYPES]) + (f" and {more} more" if more > 0 else "")
