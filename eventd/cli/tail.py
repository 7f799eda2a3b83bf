"""``eventd tail``: events as they come in; for people on a terminal, JSON lines otherwise."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import click
import msgspec

from eventd.cli.connection import DaemonConnection, Unreachable
from eventd.cli.options import Settings, configured
from eventd.cli.terminal import safe

__all__ = ["command", "pretty"]

_PATH = "/api/v1/events"
#: What stands first in the line for people, in this order, and how it looks.
_STYLES: dict[str, dict[str, Any]] = {
    "eventdoffset": {"fg": "bright_black"},
    "time": {"fg": "bright_black"},
    "type": {"fg": "cyan", "bold": True},
    "subject": {"fg": "green"},
}
#: Attributes that the line for people has a place for, or that tell them nothing.
_PLACED = {*_STYLES, "specversion", "id", "source", "datacontenttype", "data", "data_base64"}


@click.command("tail")
@configured
@click.argument("patterns", metavar="[PATTERN]...", nargs=-1)
@click.option(
    "--from",
    "start",
    metavar="PLACE",
    default="now",
    show_default=True,
    help="Where to begin: now, earliest, an offset, or a time such as 2026-01-31T12:00:00Z.",
)
@click.option("-n", "--count", type=click.IntRange(min=1), help="End after so many events.")
@click.option(
    "--follow/--no-follow", default=True, show_default=True, help="Wait for more, or end where there are none."
)
@click.option("--json", "as_json", is_flag=True, help="One CloudEvent a line, on a terminal, too.")
def command(
    settings: Settings, patterns: tuple[str, ...], start: str, count: int | None, follow: bool, as_json: bool
) -> None:
    """Print events as they come in, of the types that match a PATTERN, or all.

    In a pattern * is one token between dots, and > is the rest. On a terminal each event is a
    line to read; in a pipe or with --json it is a CloudEvent in JSON with its eventdoffset.

    \b
    Examples:
      eventd tail 'com.example.>' --from earliest
      eventd tail 'com.github.*' -n 10 | jq .data
    """
    query = [("types", pattern) for pattern in patterns] + [("from", start), ("follow", str(int(follow)))]
    lines = DaemonConnection(settings.load().eventd.run_dir).lines(_PATH, query)
    try:
        printed = _print(islice(lines, count), _form(as_json))
    except KeyboardInterrupt:
        return  # the usual way to end it
    if follow and (count is None or printed < count):
        raise Unreachable("the daemon ended it", hint="it may have been stopped: eventd status")


def _form(as_json: bool) -> Callable[[bytes], bytes]:
    if as_json or not sys.stdout.isatty():
        return bytes
    return lambda line: (pretty(msgspec.json.decode(line)) + "\n").encode("utf-8", "replace")


def _print(lines: Iterable[bytes], form: Callable[[bytes], bytes]) -> int:
    count = 0
    for count, line in enumerate(lines, 1):  # noqa: B007 - the last number is what is returned
        sys.stdout.buffer.write(form(line))
        sys.stdout.buffer.flush()
    return count


def pretty(event: dict[str, Any]) -> str:
    """An event as a line for people, in colours."""
    return " ".join(_parts(event))


def _parts(event: dict[str, Any]) -> Iterator[str]:
    for name, style in _STYLES.items():
        if name in event:
            yield click.style(safe(event[name]), **style)
    yield from (safe(f"{name}={value}") for name, value in event.items() if name not in _PLACED)
    if "data" in event:
        yield safe(msgspec.json.encode(event["data"]).decode("utf-8"))
    elif "data_base64" in event:
        yield safe(f"base64:{event['data_base64']}")
