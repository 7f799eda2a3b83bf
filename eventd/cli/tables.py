"""Tables for people: as wide as their window, where columns go that matter less; in a pipe with all of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from eventd.cli.terminal import safe_lines

__all__ = ["console", "print_table", "table_of"]

#: In a pipe nobody's window is too narrow.
_PIPE_WIDTH = 4096
#: A column whose cells are no longer than this is never broken into lines.
_SHORT = 14


def console() -> Console:
    """Where tables are printed."""
    # Highlighting colours what looks like a number or a path, wherever it is.
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False, markup=False, emoji=False)


def print_table(
    out: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], least: Sequence[str] = ()
) -> None:
    """Print a table; numbers stand right, and nothing in it is taken as markup.

    :param least: the columns that go where there is no room for all, the first one first; it is told which.
    """
    out.print(Text(title, style="bold"))
    table, gone = table_of(out, columns, [list(row) for row in rows], least)
    out.print(table)
    if gone:
        out.print(Text(f"No room for {', '.join(gone)}; --json has all.\n", style="dim"))


def table_of(
    out: Console, columns: Sequence[str], rows: Sequence[Sequence[object]], least: Sequence[str],
    frame: box.Box | None = box.SIMPLE_HEAD,
) -> tuple[Table, list[str]]:  # fmt: skip
    """The table that fits, and the columns of ``least`` that went for it; a ``Text`` in it stays as it is."""
    gone: list[str] = []
    table = _table(columns, rows, gone, frame)
    unbounded = out.options.update(max_width=_PIPE_WIDTH)
    for column in filter(columns.__contains__, least):
        if Measurement.get(out, unbounded, table).maximum <= out.width:
            break
        gone.append(column)
        table = _table(columns, rows, gone, frame)
    return table, gone


def _table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], gone: Sequence[str], frame: box.Box | None
) -> Table:
    table = Table(box=frame, pad_edge=False)
    shown = [index for index, column in enumerate(columns) if column not in gone]
    cells = [[_text(row[index]) for index in shown] for row in rows]
    for place, index in enumerate(shown):
        given = [row[index] for row in rows if row[index] is not None]
        numbers = bool(given) and all(map(_is_number, given))
        short = all(row[place].cell_len <= _SHORT for row in cells)
        table.add_column(columns[index], justify="right" if numbers else "left", overflow="fold", no_wrap=short)
    for row in cells:
        table.add_row(*row)
    return table


def _text(value: object) -> Text:
    return value if isinstance(value, Text) else Text(_cell(value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return "\n".join(safe_lines(str(value)))
