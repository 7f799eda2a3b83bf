"""How connections end, and in which words."""

from __future__ import annotations

import os
import ssl
from typing import NamedTuple

__all__ = ["CLOSING", "End", "end_of"]


class End(NamedTuple):
    """How a connection ended, or why there is none.

    ``code`` is the WebSocket close code that the server sent, or the status of its HTTP
    answer where there never was a WebSocket; ``retry_after`` is in seconds. ``lasting``
    says that trying again soon is of no use.
    """

    reason: str
    code: int | None = None
    retry_after: float | None = None
    lasting: bool = False


#: The program closes the client.
CLOSING = End("the client is closed")


def end_of(error: OSError) -> End:
    """What the operating system, the resolver or TLS tell of a connection."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return End(f"the server's certificate: {error.verify_message}", lasting=True)
    if isinstance(error, ssl.SSLError):
        return End(f"TLS: {error.strerror or error}")
    if error.errno is not None and error.errno > 0:
        return End(os.strerror(error.errno))
    return End(error.strerror or str(error) or type(error).__name__)
