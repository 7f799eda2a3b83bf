"""The commands' way to a live daemon: a client on its socket, and filters from the command line."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from eventd.cli.connection import ANSWER_WITHIN, SOCKET, DaemonConnection
from eventd.client import Client

__all__ = ["client_of", "filters_of"]

#: ``name=value``, ``name^=value`` (begins with), ``name$=value`` (ends with); ``!`` before it turns it round.
_FILTER = re.compile(r"(?P<name>[a-z0-9]+)(?P<not>!?)(?P<how>[\^$]?)=(?P<value>.+)", re.DOTALL)
_DIALECTS = {"": "exact", "^": "prefix", "$": "suffix"}


def client_of(run_dir: str, **options: Any) -> Client:
    """A client of the daemon whose run directory is ``run_dir``.

    :raises Unreachable: when none answers there.
    """
    # What goes wrong is told by the command, once.
    logging.getLogger("eventd.client").addHandler(logging.NullHandler())
    # Whoever types a command wants to hear at once that nobody is there; the client would wait for it.
    DaemonConnection(run_dir).get("/healthz")
    client = Client(f"unix:{Path(run_dir, SOCKET).absolute()}", **options)
    client.wait_connected(ANSWER_WITHIN)
    return client


def filters_of(texts: Sequence[str]) -> list[dict[str, Any]]:
    """CloudEvents filters, of what was written on the command line.

    :raises click.BadParameter: when one cannot be understood.
    """
    return [_filter(text) for text in texts]


def _filter(text: str) -> dict[str, Any]:
    found = _FILTER.fullmatch(text)
    if found is None:
        hint = "write name=value, name^=start, name$=end, or != for what is not so"
        raise click.BadParameter(f"{text!r} is no filter; {hint}", param_hint="--filter")
    filter = {_DIALECTS[found["how"]]: {found["name"]: found["value"]}}
    return {"not": filter} if found["not"] else filter
