"""The page at ``/``: one file without dependencies that looks at the status each second."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["page"]


@cache
def page() -> bytes:
    """The page as HTML."""
    return files("eventd.observe").joinpath("page.html").read_bytes()
