"""``eventd top``: how fast the daemon works, live on one screen."""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING, Any

import click
import msgspec

from eventd.cli.connection import DaemonConnection
from eventd.cli.options import Settings, configured
from eventd.cli.rates import Rates, rates
from eventd.errors import EventdError

if TYPE_CHECKING:
    from eventd.cli.view import History

__all__ = ["command"]

_PATH = "/api/v1/status"
#: Seconds for an answer: one who looks on and presses a key is not to wait for longer.
_ANSWER_WITHIN = 2.0
#: Seconds of which the little pictures tell, and intervals at most.
_REMEMBERED, _MOST_INTERVALS = 60.0, 600


@click.command("top")
@configured
@click.option(
    "--interval", type=click.FloatRange(min=0.1), metavar="SECONDS", default=1.0, show_default=True,
    help="Time between two looks.",
)
@click.option("--once", is_flag=True, help="Print one view, after one interval, and end; so it is in a pipe, too.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each interval.")
def command(settings: Settings, interval: float, once: bool, as_json: bool) -> None:
    """Show live how fast the daemon works: rates, listeners, handlers, journal; q ends it.

    Handlers that need attention stand first: those that fail, that give events up, that are paused,
    that lag more and more. ↑ says that more events wait than before, ↓ that fewer do. While the
    daemon is gone, the first line says so.

    \b
    Examples:
      eventd top
      eventd top --once | head -n 6
      eventd top --json --interval 10 | jq '{node, settled, lag}'
    """
    watch = _Watch(DaemonConnection(settings.load().eventd.run_dir, _ANSWER_WITHIN), interval)
    try:
        if as_json:
            watch.tell(once)
        elif once or not sys.stdout.isatty():
            watch.print()
        else:
            watch.show()
    except KeyboardInterrupt:
        return  # the usual way to end it


class _Watch:
    """Looks at the daemon again and again.

    :raises EventdError: when nobody answers to the first look.
    """

    def __init__(self, connection: DaemonConnection, interval: float) -> None:
        self._connection = connection
        self._interval = interval
        self._status: dict[str, Any] = connection.get(_PATH)
        self._now: Rates = rates(None, self._status)
        #: Why the daemon cannot be asked at present.
        self._gone: str | None = None
        self._due = time.monotonic() + interval

    def tell(self, once: bool) -> None:
        """Print a line for each interval, for ever or once."""
        while True:
            self._wait()
            self._look()
            line = msgspec.json.encode(self._now if self._gone is None else {"error": self._gone})
            click.echo(line.decode())
            if once:
                return

    def print(self) -> None:
        """Print what the first interval brings."""
        # Slow to import, and JSON needs none of it.
        from eventd.cli.tables import console
        from eventd.cli.view import draw

        history = self._history()
        self._wait()
        self._look()
        history.add(self._now)
        out = console()
        out.print(draw(out, self._now, history, self._gone))

    def show(self) -> None:
        """Show it on the whole terminal, until q is pressed."""
        from rich.control import Control

        from eventd.cli.keys import Keys
        from eventd.cli.tables import console
        from eventd.cli.view import draw

        out, history = console(), self._history()
        with Keys() as keys, out.screen() as screen:
            while True:
                out.control(Control.home())
                screen.update(draw(out, self._now, history, self._gone, out.height))
                if "q" in keys.wait(self._due - time.monotonic()):
                    return
                if time.monotonic() >= self._due:
                    self._look()
                    history.add(self._now if self._gone is None else None)

    def _history(self) -> History:
        from eventd.cli.view import History

        return History(min(_MOST_INTERVALS, math.ceil(_REMEMBERED / self._interval)))

    def _wait(self) -> None:
        time.sleep(max(0.0, self._due - time.monotonic()))

    def _look(self) -> None:
        # Not the last one and an interval: one that was late is not made up for.
        self._due = time.monotonic() + self._interval
        try:
            status = self._connection.get(_PATH)
        except EventdError as error:
            self._gone = error.message
            return
        self._now, self._gone = rates(self._status, status), None
        self._status = status
