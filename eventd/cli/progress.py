"""A bar for long work: on a terminal only, and on stderr, so that what is printed stays clean."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Advance", "bar"]

#: Told how much of how much is done; 0 of all where nobody knows.
Advance = Callable[[int, int], object]


@contextmanager
def bar(what: str) -> Iterator[Advance]:
    """Show how far ``what`` is, while this lasts; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    # Slow to import, and a pipe needs none of it.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total or None)
