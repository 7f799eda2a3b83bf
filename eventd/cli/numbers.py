"""Numbers as people read them: durations, sizes, rates, and the little picture of how one went."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["duration", "rate", "size", "sparkline"]

_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")
_BARS = "▁▂▃▄▅▆▇█"


def duration(seconds: float) -> str:
    """Seconds in its two largest units: ``1d 2h``."""
    left, parts = int(seconds), []
    for length, unit in _UNITS:
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


def size(bytes: float) -> str:
    """Bytes, in the unit that leaves the fewest digits: ``1.5 MiB``."""
    for unit in _SIZES:
        if abs(bytes) < 1024 or unit == _SIZES[-1]:
            break
        bytes /= 1024
    return f"{bytes:.0f} {unit}" if unit == "B" else f"{bytes:,.1f} {unit}"


def rate(number: float | None) -> str:
    """So many a second; a dash where that is not known."""
    if number is None:
        return "–"
    return f"{number:,.0f}" if number >= 10 or not number else f"{number:.1f}"


def sparkline(values: Sequence[float | None], width: int) -> str:
    """The last ``width`` values as bars, the highest one full; blank where a value is not known."""
    shown = values[-width:] if width > 0 else []
    most = max([value for value in shown if value is not None], default=0.0)
    return "".join(" " if value is None else _bar(value, most) for value in shown)


def _bar(value: float, most: float) -> str:
    # What is above nothing is seen as such, also beside a very high one.
    if value <= 0 or most <= 0:
        return _BARS[0]
    return _BARS[max(1, round(value / most * (len(_BARS) - 1)))]
