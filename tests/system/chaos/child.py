"""What the children have in common: each is a program that uses ``eventd.client``, and is killed at any time."""

from __future__ import annotations

import logging
import signal
import threading
from pathlib import Path
from typing import Any

from eventd.client import Client, backoff

__all__ = ["connect", "over", "prepare"]

#: Set when the child is to finish what it has begun, and to end.
over = threading.Event()

#: Seconds: the chaos lasts for half a minute, and cuts each connection within a few of them.
PATIENCE = {"open_timeout": 2.0, "ping_interval": 1.0, "ping_timeout": 1.0}
LONGEST_PAUSE = 0.5


def connect(url: str, **options: Any) -> Client:
    """A client that does not wait as long as it would for a server that is gone for good."""
    backoff.LONGEST = LONGEST_PAUSE
    return Client(url, **PATIENCE, **options)


def prepare(path: Path) -> None:
    """Be ready to be told to end; have all that the client tells in a file beside the notes."""
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    logging.basicConfig(filename=path.with_suffix(".log"), level=logging.INFO, format="%(asctime)s %(message)s")
