"""``eventd status``: how the daemon is, as tables or as JSON."""

from __future__ import annotations

import json
from typing import Any

import click

from eventd.cli.connection import DaemonConnection
from eventd.cli.numbers import duration
from eventd.cli.options import Settings, configured

__all__ = ["command", "where"]

_LISTENER = ("name", "protocol", "address", "connections", "received")
_CONSUMER = (
    "name", "state", "run", "settled", "dead", "passed", "pending", "dead_letters", "retries", "stalls", "cursor",
)  # fmt: skip
#: What goes where there is no room for all, the first one first.
_LEAST = ("cursor", "retries", "dead_letters", "passed", "stalls", "run", "protocol")
_VOLATILE = ("name", "came", "settled", "dead", "dropped", "pending")
_SOURCE = ("name", "state", "emitted", "restarts")
_FAILED = ("name", "error")
#: What of the journal's status has a number for each consumer, and how it is told.
_LOSSES = (
    ("dropped", "dropped unsettled:"),
    ("dead_settled", "dead letters settled by a retry:"),
    ("dead_dropped", "dead letters dropped:"),
)


@click.command("status")
@configured
@click.option("--json", "as_json", is_flag=True, help="Print what the daemon answers, in JSON.")
def command(settings: Settings, as_json: bool) -> None:
    """Tell how the daemon is: its listeners, its books, its journal and its plugins.

    \b
    Examples:
      eventd status
      eventd status --json | jq .events
    """
    status = DaemonConnection(settings.load().eventd.run_dir).get("/api/v1/status")
    if as_json:
        click.echo(json.dumps(status, indent=2, ensure_ascii=False))
    else:
        _print(status)


def _print(status: dict[str, Any]) -> None:
    # Slow to import, and JSON needs none of it.
    from eventd.cli.tables import console, print_table

    out = console()
    out.print(_head(status))
    for reason in status.get("reasons", []):
        out.print(f"  {reason}")
    listeners, consumers = status.get("listeners", []), status.get("consumers", [])
    if listeners:
        print_table(out, "Listeners", _LISTENER, _rows(listeners, _LISTENER), _LEAST)
    print_table(out, "Books", ("events", "number"), _books(status))
    for line in _balance(status):
        out.print(line)
    if consumers:
        rows = _rows([{**row, "run": where(row)} for row in consumers], _CONSUMER)
        print_table(out, "Consumers", _CONSUMER, rows, _LEAST)
    if volatile := [{"name": row["name"], **row["volatile"]} for row in consumers if row.get("volatile")]:
        print_table(out, "Volatile events", _VOLATILE, _rows(volatile, _VOLATILE))
    if sources := status.get("sources"):
        print_table(out, "Sources", _SOURCE, _rows(sources, _SOURCE))
    if failed := status.get("plugins_failed"):
        print_table(out, "Plugins that failed", _FAILED, _rows(failed, _FAILED))


def _head(status: dict[str, Any]) -> str:
    state = "ready" if status.get("ready") else "not ready"
    return f"eventd {status.get('version')} on {status.get('node')}: {state}, up {duration(status.get('uptime', 0))}"


def _books(status: dict[str, Any]) -> list[tuple[str, object]]:
    events, journal, hub = (status.get(part, {}) for part in ("events", "journal", "hub"))
    rows: list[tuple[str, object]] = [
        (name, events[name]) for name in ("received", "accepted", "duplicates", "volatile", "pending") if name in events
    ]
    rows += [(f"rejected: {reason}", number) for reason, number in events.get("rejected", {}).items()]
    rows += [(f"fault: {reason}", number) for reason, number in events.get("faults", {}).items()]
    rows += [(f"emitted by {name}", number) for name, number in events.get("emitted", {}).items()]
    rows += [(f"journal {name}", journal[name]) for name in ("first", "end", "bytes", "damaged") if name in journal]
    rows += [("dead letters", journal["dead"])] if "dead" in journal else []
    for part, told in _LOSSES:
        rows += [(f"{told} {name}", number) for name, number in journal.get(part, {}).items()]
    if journal.get("problem"):
        rows.append(("journal problem", journal["problem"]))
    if "lag" in hub:
        rows.append(("hub lag", f"{hub['lag'] * 1000:.1f} ms"))
    return rows


def _balance(status: dict[str, Any]) -> list[str]:
    wrong = status.get("imbalances")
    if wrong is None:
        return []
    return [f"The books do NOT balance: {line}" for line in wrong] or ["The books balance."]


def _rows(items: list[dict[str, Any]], columns: tuple[str, ...]) -> list[list[object]]:
    return [[item.get(column) for column in columns] for item in items]


def where(consumer: dict[str, Any]) -> str:
    """Where the plugin of a consumer is called, and whether it was brought there because it held up the others."""
    return f"{consumer['run']} (moved)" if consumer.get("moved") else str(consumer.get("run") or "")
