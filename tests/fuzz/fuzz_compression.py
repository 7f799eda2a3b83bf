"""Fuzz target: a byte for the kind, and compressed bytes."""

from __future__ import annotations

from eventd.errors import MalformedInput, TooLarge
from eventd.formats.compression import inflate

#: What may come of any bytes besides inflated ones.
ALLOWED = (MalformedInput, TooLarge)

KINDS = ("gzip", "deflate", "zstd")

LIMIT = 10_000


def target(data: bytes) -> None:
    """What comes out is never more than the limit."""
    kind = KINDS[data[0] % 3] if data else KINDS[0]
    assert len(inflate(kind, data[1:], LIMIT)) <= LIMIT
