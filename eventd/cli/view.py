"""What ``eventd top`` shows: one screen, as wide and as high as the window.

    head        how the daemon is; or that it is gone
    rates       a second, and how they went in the last minute
    listeners
    handlers    first those that need attention
    foot        subscriptions, queues, the books, the journal

It only draws: the numbers are in ``rates``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from rich.console import Console, Group, RenderableType
from rich.text import Text

from eventd.cli.numbers import duration, rate, size, sparkline
from eventd.cli.rates import TROUBLE, ConsumerRates, ListenerRates, Rates
from eventd.cli.tables import table_of
from eventd.cli.terminal import safe

__all__ = ["History", "draw"]

_RATES = ("received", "accepted", "rejected", "settled", "emitted")
_LISTENER = ("listener", "connections", "received/s")
_CONSUMER = ("handler", "state", "settled/s", "pending", "±", "dead", "retries", "stalls")
#: What goes where there is no room for all, the first one first.
_LEAST = ("stalls", "retries", "dead", "connections", "settled/s")
#: Bars of the lag in the head, and of the rates.
_LAG_BARS, _RATE_BARS = 12, 60
#: Blank lines, which go where there is no room for all rows; and lines of what is not in a table.
_GAPS, _MOST_LINES = 4, 3
#: What part of a queue's bound is worth to be told, and from which on senders have to wait.
LEAST_SHARE, FULL = 0.005, 0.95
#: Lines for rows: where there is no bound, and where there are too few to tell of listeners.
_ALL, _LEAST_ROOM = 1 << 30, 3
#: A name gets this part of the width, so that there is room for what is told of it.
_NAME = 3

T = TypeVar("T")


class History:
    """How the rates went: the last ``most`` of each."""

    def __init__(self, most: int) -> None:
        self._series: dict[str, deque[float | None]] = {name: deque(maxlen=most) for name in (*_RATES, "lag")}

    def add(self, now: Rates | None) -> None:
        """Those of one more interval; ``None`` where nothing is known of it."""
        for name, series in self._series.items():
            series.append(None if now is None else getattr(now, name))

    def __getitem__(self, name: str) -> Sequence[float | None]:
        return list(self._series[name])


def draw(out: Console, now: Rates, history: History, gone: str | None = None, height: int | None = None) -> Group:
    """The whole screen, as wide as ``out``.

    :param gone: why the daemon cannot be asked: then all is as it was last. :param height: lines; ``None`` for all.
    """
    head, rates, foot = _head(out, now, history, gone), _rates(out, now, history), list(_foot(out, now))
    # Each table has a line with the names of its columns.
    used = len(head) + len(rates) + len(foot) + 2
    whole = used + _GAPS + len(now.listeners) + len(now.consumers)
    gap: list[RenderableType] = [] if height is not None and height < whole else [""]
    room = _ALL if height is None else height - used - _GAPS * len(gap)
    parts = [*head, *gap, *rates, *gap]
    if room < _LEAST_ROOM:
        room += 1
    else:
        listeners = sorted(now.listeners, key=lambda row: (-(row.received or 0), row.name))
        shown, more = _cut(listeners, max(1, room // 3, room - len(now.consumers)))
        parts += [_listeners(out, shown, more), *gap]
        room -= len(shown) + bool(more)
    consumers = sorted(now.consumers, key=lambda row: row.attention)
    return Group(*parts, _consumers(out, *_cut(consumers, max(1, room))), *gap, *foot)


def _cut(rows: Sequence[T], most: int) -> tuple[Sequence[T], int]:
    """As many as there are lines for, and how many more there are."""
    if len(rows) <= most:
        return rows, 0
    return rows[: most - 1], len(rows) - most + 1


def _line(text: str, style: str = "") -> Text:
    return Text(safe(text), style=style, no_wrap=True, overflow="ellipsis")


def _head(out: Console, now: Rates, history: History, gone: str | None) -> list[RenderableType]:
    if gone is not None:
        return [_line(f"eventd on {now.node} is gone: {gone}", "bold red")]
    state = "ready" if now.ready else "not ready"
    lag = f" {sparkline(history['lag'], _LAG_BARS)}"
    text = f"eventd {now.version} on {now.node}: {state}"
    for part in (f", up {duration(now.uptime)}", f", lag {now.lag * 1000:.1f} ms", lag, f", {now.stalls:,} stalls"):
        text += part if len(text) + len(part) <= out.width else ""
    reasons = [_line(f"  {reason}", "red") for reason in now.reasons[:_MOST_LINES]]
    return [_line(text, "bold" if now.ready else "bold red"), *reasons]


def _rates(out: Console, now: Rates, history: History) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for name in _RATES:
        text = f"{name:<9}{rate(getattr(now, name)):>10}/s  "
        lines.append(_line(text + sparkline(history[name], min(_RATE_BARS, out.width - len(text)))))
    return lines


def _listeners(out: Console, rows: Sequence[ListenerRates], more: int) -> RenderableType:
    cells = [[_name(out, row.name), row.connections, _right(rate(row.received))] for row in rows]
    return _with_rest(table_of(out, _LISTENER, cells, _LEAST, None)[0], more)


def _consumers(out: Console, rows: Sequence[ConsumerRates], more: int) -> RenderableType:
    if not rows and not more:
        return _line("no handler runs")
    told = [row.stalls is not None for row in rows]
    columns = _CONSUMER if any(told) else _CONSUMER[:-1]
    cells = [[_name(out, row.name), *_consumer(row)][: len(columns)] for row in rows]
    return _with_rest(table_of(out, columns, cells, _LEAST, None)[0], more)


def _consumer(row: ConsumerRates) -> list[object]:
    style = "red" if row.state in TROUBLE else "yellow" if row.paused or row.state == "retrying" else ""
    arrow = "" if not row.change else "↑" if row.change > 0 else "↓"
    dead = _right(f"{row.dead:,}", "red" if row.given_up else "")
    return [
        _line(row.state, style), _right(rate(row.settled)), row.pending, arrow, dead, row.retries, row.stalls
    ]  # fmt: skip


def _name(out: Console, name: str) -> Text:
    text = _line(name)
    text.truncate(out.width // _NAME, overflow="ellipsis")
    return text


def _right(text: str, style: str = "") -> Text:
    return Text(text, style, justify="right")


def _with_rest(table: RenderableType, more: int) -> RenderableType:
    return Group(table, _line(f"and {more:,} more", "dim")) if more else table


def _foot(out: Console, now: Rates) -> Iterator[RenderableType]:
    counts = ", ".join(f"{number} {kind}" for kind, number in now.subscriptions.items()) or "none"
    yield _line(f"subscriptions: {counts}" + (f"; {rate(now.missed)}/s missed" if now.missed else ""))
    yield from _queues(now.queues)
    grown = "" if now.journal_growth is None else f", {_signed(now.journal_growth)}/s"
    yield _line(f"journal: {size(now.journal_bytes)}{grown}; dead letters: {now.dead:,}")
    wrong = now.imbalances
    if wrong:
        yield _line(f"The books do NOT balance: {wrong[0]}", "bold red")
    elif wrong is not None:
        yield _line("The books balance.")


def _queues(queues: object) -> Iterator[RenderableType]:
    """How full they are, in one line: those first that are the fullest."""
    rows = [row for row in queues if isinstance(row, dict)] if isinstance(queues, list) else []
    full = sorted([(_share(row), str(row.get("name", "?"))) for row in rows], reverse=True)
    told = [f"{name} {share:.0%}" for share, name in full[:_MOST_LINES] if share >= LEAST_SHARE]
    if full:
        yield _line(f"queues: {', '.join(told) or 'empty'}", "bold red" if full[0][0] > FULL else "")


def _share(queue: dict[str, Any]) -> float:
    """What part of a queue's bound is taken; 0 where it has none."""
    taken, limit = queue.get("bytes", 0), queue.get("limit", 0)
    return taken / limit if limit else 0.0


def _signed(number: float) -> str:
    return ("" if number < 0 else "+") + size(number)


