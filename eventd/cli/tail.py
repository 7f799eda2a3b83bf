"""``eventd tail``: events as they come in; for people on a terminal, JSON lines otherwise."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import click
import msgspec

from eventd.cli.options import Settings, configured
from eventd.cli.subscribing import client_of, filters_of
from eventd.cli.terminal import safe
from eventd.client import Gap, Refused, Subscription
from eventd.errors import EventdError
from eventd.event import Event
from eventd.formats import json_writer
from eventd.formats.placed import OFFSET

__all__ = ["command", "pretty"]

#: Seconds after which one that does not follow looks how far it is.
_LOOK = 0.2
#: What stands first in the line for people, in this order, and how it looks.
_STYLES: dict[str, dict[str, Any]] = {
    "eventdoffset": {"fg": "bright_black"},
    "time": {"fg": "bright_black"},
    "type": {"fg": "cyan", "bold": True},
    "subject": {"fg": "green"},
}
#: Attributes that the line for people has a place for, or that tell them nothing.
_PLACED = {*_STYLES, "specversion", "id", "source", "datacontenttype", "data", "data_base64"}


class NotPrinted(EventdError):
    """The daemon does not let us follow."""

    reason = "refused"


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
@click.option(
    "--filter", "filters", metavar="NAME=VALUE", multiple=True,
    help="Only events with this attribute; NAME^=START, NAME$=END, and != for what is not so. All of several must fit.",
)
@click.option("-n", "--count", type=click.IntRange(min=1), help="End after so many events.")
@click.option(
    "--follow/--no-follow", default=True, show_default=True, help="Wait for more, or end where there are none."
)
@click.option("--json", "as_json", is_flag=True, help="One CloudEvent a line, on a terminal, too.")
def command(
    settings: Settings,
    patterns: tuple[str, ...],
    start: str,
    filters: tuple[str, ...],
    count: int | None,
    follow: bool,
    as_json: bool,
) -> None:
    """Print events as they come in, of the types that match a PATTERN, or all.

    In a pattern * is one token between dots, and > is the rest. On a terminal each event is a
    line to read; in a pipe or with --json it is a CloudEvent in JSON with its eventdoffset.
    When the daemon goes, it waits for it and goes on where it was.

    \b
    Examples:
      eventd tail 'com.example.>' --from earliest
      eventd tail 'com.github.*' -n 10 | jq .data
      eventd tail --filter subject=kitchen --filter 'source!^=/test/'
    """
    wanted, state = filters_of(filters), State()
    with client_of(settings.load().eventd.run_dir, on_state=state.tell) as client:
        try:
            subscription = client.subscribe(
                *(patterns or [">"]), filters=wanted, start=int(start) if start.isdecimal() else start, on_gap=_tell_gap
            )
            _print(_batches(subscription, follow), _form(as_json), count)
        except Refused as error:
            raise NotPrinted(f"the daemon refused: {error.message}") from error
        except KeyboardInterrupt:
            return  # the usual way to end it
        finally:
            state.ending = True


def _batches(subscription: Subscription, follow: bool) -> Iterator[list[Event]]:
    """The events as they come together; those that are there now, where nothing is to be followed."""
    if follow:
        yield from subscription.batches()
        return
    end = subscription.end or 0
    while (subscription.offset or 0) < end:
        event = subscription.get(_LOOK)
        if event is not None and event.offset < end:
            yield [event]


def _form(as_json: bool) -> Callable[[Event], bytes]:
    if as_json or not sys.stdout.isatty():
        return _line
    return lambda event: (pretty(msgspec.json.decode(_line(event))) + "\n").encode("utf-8", "replace")


def _line(event: Event) -> bytes:
    if event.offset >= 0:
        event.attributes[OFFSET] = event.offset
    return json_writer.write(event) + b"\n"


def _print(batches: Iterator[list[Event]], form: Callable[[Event], bytes], most: int | None) -> None:
    left = most
    for batch in batches:
        chosen = batch if left is None else batch[:left]
        sys.stdout.buffer.write(b"".join(map(form, chosen)))
        sys.stdout.buffer.flush()
        if left is not None:
            left -= len(chosen)
            if not left:
                return


def _tell_gap(gap: Gap) -> None:
    click.echo(f"eventd: {gap}", err=True)


class State:
    """Says when the daemon goes and when it is back; not that it is there at first, nor that we go."""

    def __init__(self) -> None:
        self.ending = False
        self._told = "connected"

    def tell(self, state: str) -> None:
        """What the client says of its connection."""
        if state != self._told and not self.ending:
            self._told = state
            click.echo(f"eventd: {state}" + ("; waiting for the daemon" if state == "disconnected" else ""), err=True)


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
