"""Fuzz target: bytes to an HTTP session, cut in two anywhere."""

from __future__ import annotations

from eventd.errors import MalformedInput, TooLarge, UnsupportedFormat
from eventd.protocol.http import HTTPSession
from eventd.protocol.limits import Limits
from eventd.protocol.messages import Response

#: What may come of any bytes besides requests.
ALLOWED = (MalformedInput, TooLarge, UnsupportedFormat)

LIMITS = Limits(message_size=1000, decompressed_size=1000, header_size=1000)


def target(data: bytes) -> None:
    """The first byte says where to cut."""
    at, data = (data[:1] or b"\0")[0], data[1:]
    session = HTTPSession(LIMITS)
    for part in (data[:at], data[at:]):
        for request in session.receive(part):
            assert len(request.body) <= LIMITS.message_size
            session.respond(Response(200, request.path))
