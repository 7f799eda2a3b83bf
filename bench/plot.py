"""A bar plot as SVG, drawn by hand: one group of bars per case, eventd's bar marked."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bench.cases import Case, Row

__all__ = ["plot"]

_WIDTH, _LABEL, _BAR, _LINE, _GAP = 820, 250, 390, 22, 46
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#333}.t{font-weight:600}rect{fill:#9aa5b1}.e{fill:#0b7285}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}rect{fill:#7a8794}.e{fill:#3bc9db}}"
)


def _bars(case: Case, rows: Sequence[Row], top: int) -> list[str]:
    column = case.columns[0]
    shown = [(row, row.median(column.key)) for row in rows if not row.name.startswith("load generator")]
    most = max((value for _, value in shown if value is not None), default=1.0)
    parts = [f'<text class="t" x="8" y="{top}">{escape(f"({case.key}) {case.title}")}</text>']
    for index, (row, value) in enumerate(shown, 1):
        y = top + index * _LINE
        length = 0.0 if value is None else value / most * _BAR
        mark = ' class="e"' if row.name.startswith("eventd") else ""
        figure = "failed" if value is None else column.form.format(value)
        parts.append(f'<text x="{_LABEL - 8}" y="{y}" text-anchor="end">{escape(row.name)}</text>')
        parts.append(f'<rect{mark} x="{_LABEL}" y="{y - 13}" width="{length:.1f}" height="16" rx="2"/>')
        parts.append(f'<text x="{_LABEL + length + 6:.1f}" y="{y}">{figure}</text>')
    return parts


def plot(cases: Sequence[tuple[Case, Sequence[Row]]]) -> str:
    """The whole plot."""
    parts, top = [f"<style>{_STYLE}</style>"], 28
    for case, rows in cases:
        parts += _bars(case, rows, top)
        top += sum(not row.name.startswith("load generator") for row in rows) * _LINE + _GAP
    size = f'viewBox="0 0 {_WIDTH} {top - 16}" width="{_WIDTH}" height="{top - 16}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n' + "\n".join(parts) + "\n</svg>\n"
