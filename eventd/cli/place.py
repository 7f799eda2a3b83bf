"""Where the journal is, for the commands that read its file themselves: they need no daemon."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import click

from eventd.cli.options import Settings
from eventd.errors import NotFound

__all__ = ["journal_file", "nanoseconds"]


def journal_file(settings: Settings, file: str | None = None) -> str:
    """The journal of the daemon that is configured, or ``file``.

    :raises NotFound: when there is none, or it may not be read.
    """
    path = Path(file) if file else Path(settings.load().eventd.state_dir, "journal.sqlite")
    try:
        path.stat()
    except PermissionError as error:
        raise NotFound(f"you may not look into {path.parent}", hint="run this as the user eventd or as root") from error
    except OSError as error:
        hint = "name the daemon's directory: -o eventd.state_dir=DIR, or its file: -c FILE"
        raise NotFound(f"there is no journal at {path}", hint=hint) from error
    if not os.access(path, os.R_OK):
        raise NotFound(f"you may not read {path}", hint="run this as the user eventd or as root")
    return str(path)


def nanoseconds(time: str) -> int:
    """A time as the journal has it.

    :raises click.BadParameter: when it is none, or has no offset from UTC.
    """
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise click.BadParameter(f"{time!r} is neither an offset nor a time such as 2026-01-31T12:00:00Z")
    return int(moment.timestamp() * 1_000_000) * 1000
