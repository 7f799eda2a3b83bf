"""The client for browsers, as the module that ``http`` listeners serve at ``/eventd.js``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["script"]


@cache
def script() -> bytes:
    """The ES module, in UTF-8."""
    return files("eventd.client").joinpath("eventd.js").read_bytes()
