"""Where in a plugin's code an error was raised, in few words."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType

__all__ = ["Located", "location_of"]

#: The package whose code is ours.
_OURS = "eventd"
#: Characters of a location: the end of a path says more than its beginning.
MOST_LOCATION = 300


class Located(Exception):
    """An error that knows its location already, since it comes from another process."""

    location = ""


def location_of(error: BaseException) -> str:
    """``file:line`` of the innermost call that is the plugin's; empty where none of the calls is.

    The plugin's are the calls in the package that ours has called; not those of what it uses.
    """
    for one in (error, error.__cause__):
        if isinstance(one, Located):
            return one.location
        if one is not None and (found := _innermost(one.__traceback__)):
            return found[-MOST_LOCATION:]
    return ""


def _innermost(traceback: TracebackType | None) -> str:
    package, found = "", ""
    for name, place in _steps(traceback):
        package = package or name
        if name == package:
            found = place
    return found


def _steps(traceback: TracebackType | None) -> Iterator[tuple[str, str]]:
    """The package and ``file:line`` of each call that is not ours, outermost first."""
    while traceback is not None:
        frame = traceback.tb_frame
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package != _OURS:
            yield package, f"{frame.f_code.co_filename}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
