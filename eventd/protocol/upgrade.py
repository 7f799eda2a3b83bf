"""The opening handshake of a WebSocket: from an HTTP request to the terms of a session.

``websockets`` checks the request and negotiates; what it made for that is thrown away.
permessage-deflate is taken without context takeover in both directions: a message is
then compressed alone, and a connection keeps no zlib state (up to 300 KiB) between two.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

import websockets
from websockets.datastructures import Headers
from websockets.exceptions import NegotiationError
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from eventd.errors import ClientError, MalformedInput, NotAllowed, UnsupportedFormat
from eventd.protocol.limits import Limits
from eventd.protocol.messages import Request

__all__ = ["Handshake", "handshake"]

#: A window of 4 KiB: what a message of a few KiB gains from, at a fraction of the
#: memory and the set-up time of the largest.
WINDOW_BITS = 12

#: A refusal is told by who answers it; the library would add a traceback of its own.
_log = logging.getLogger("eventd.protocol.websocket.library")
_log.disabled = True

_DEFLATE = ServerPerMessageDeflateFactory(
    server_no_context_takeover=True,
    client_no_context_takeover=True,
    server_max_window_bits=WINDOW_BITS,
)


class _Negotiation(ServerProtocol):
    """Takes the first subprotocol that the client offers and we speak: the order is its preference."""

    def select_subprotocol(self, subprotocols: Sequence[Subprotocol]) -> Subprotocol | None:
        spoken = self.available_subprotocols or ()
        for name in subprotocols:
            if name in spoken:
                return name
        if subprotocols:
            raise NegotiationError("none of the offered subprotocols is spoken here")
        return None


class Handshake(NamedTuple):
    """What was agreed: the bytes to answer with, the subprotocol, and compression.

    ``deflate`` is the size of our compression window in bits, 0 without compression.
    """

    response: bytes
    subprotocol: str | None
    deflate: int


def handshake(
    request: Request,
    subprotocols: Sequence[str],
    limits: Limits,
    *,
    deflate: bool = True,
    origins: Collection[str] = (),
) -> Handshake:
    """Answer a request for a WebSocket, which may come without a subprotocol.

    :param origins: those of web pages that may open one besides our own host's; ``*`` is any.
    :raises NotAllowed: when a browser asks on behalf of another page.
    :raises MalformedInput: when it breaks RFC 6455.
    :raises UnsupportedFormat: when it offers subprotocols and we speak none of them.
    """
    _check_origin(request, origins)
    protocol = _Negotiation(
        extensions=[_DEFLATE] if deflate else None,
        subprotocols=[Subprotocol(name) for name in subprotocols],
        max_size=limits.message_size,
        logger=_log,
    )
    # Its parser, which we do not use, and the protocol hold each other: they would wait for the collector.
    protocol.parser.close()
    answer = protocol.accept(websockets.Request(request.target, Headers(request.headers)))
    if protocol.handshake_exc is not None:
        raise _refusal(protocol.handshake_exc, subprotocols)
    return Handshake(answer.serialize(), protocol.subprotocol, _window(protocol))


def _check_origin(request: Request, allowed: Collection[str]) -> None:
    """Let no page of a stranger's publish in the name of who looks at it.

    A browser opens a WebSocket to any host, its own network's too, without asking that host
    first as it does for other requests; but it says for whom (RFC 6455, 10.2). Others say nothing.
    """
    for name, origin in request.headers:
        if name != "origin" or "*" in allowed or origin.lower() in allowed:
            continue
        if not _is_of_host(origin, request.header("host") or ""):
            hint = "name it in origins of the listener's section"
            raise NotAllowed("pages of this origin may not open a WebSocket here", hint=hint, reason="foreign_origin")


def _is_of_host(origin: str, host: str) -> bool:
    try:
        authority = urlsplit(origin.lower()).netloc
    except ValueError:
        return False
    return authority != "" and authority == host.lower()


def _window(protocol: ServerProtocol) -> int:
    for extension in protocol.extensions:
        if isinstance(extension, PerMessageDeflate):
            return extension.local_max_window_bits
    return 0


def _refusal(why: Exception, subprotocols: Sequence[str]) -> ClientError:
    if isinstance(why, NegotiationError):
        return UnsupportedFormat(str(why), hint="offer one of " + ", ".join(subprotocols) + ", or none")
    return MalformedInput(f"not a WebSocket handshake: {why}", hint="RFC 6455, version 13")
