"""The opening handshake of a WebSocket: from an HTTP request to the terms of a session.

``websockets`` checks the request and negotiates; what it made for that is thrown away. Its
answer is remembered for those who ask alike: it takes 70 µs of a connection's 500, which
counts when thousands come back at once.
permessage-deflate is taken without context takeover in both directions: a message is
then compressed alone, and a connection keeps no zlib state (up to 300 KiB) between two.
"""

from __future__ import annotations

import binascii
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

import websockets
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, NegotiationError
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol
from websockets.utils import accept_key

from eventd.errors import ClientError, MalformedInput, NotAllowed, UnsupportedFormat
from eventd.protocol.messages import Request

__all__ = ["Handshake", "handshake"]

#: A window of 4 KiB: what a message of a few KiB gains from, at a fraction of the
#: memory and the set-up time of the largest.
WINDOW_BITS = 12
#: Ways to ask whose answers are remembered: clients of one kind ask alike, and thousands may come back at once.
KNOWN = 64
#: Bytes of a key (RFC 6455, 4.1).
KEY_SIZE = 16

RFC = "RFC 6455, version 13"

#: What the terms depend on.
_TERMS = frozenset(
    {"connection", "upgrade", "sec-websocket-version", "sec-websocket-extensions", "sec-websocket-protocol"}
)
#: Stands for the client's own, on which no terms depend.
_ANY_KEY = ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA==")

_SWITCHING = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: %s\r\n%s\r\n"
)

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


class _Terms(NamedTuple):
    """What was agreed, the key apart."""

    headers: str
    subprotocol: str | None
    deflate: int


def handshake(
    request: Request,
    subprotocols: Sequence[str],
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
    asked = tuple([header for header in request.headers if header[0] in _TERMS])
    terms = _negotiate(asked, tuple(subprotocols), deflate)
    response = _SWITCHING % (accept_key(_key(request)), terms.headers)
    return Handshake(response.encode(), terms.subprotocol, terms.deflate)


@lru_cache(KNOWN)
def _negotiate(asked: tuple[tuple[str, str], ...], subprotocols: tuple[str, ...], deflate: bool) -> _Terms:
    protocol = _Negotiation(
        extensions=[_DEFLATE] if deflate else None,
        subprotocols=[Subprotocol(name) for name in subprotocols],
    )
    # Its parser, which we do not use, and the protocol hold each other: they would wait for the collector.
    protocol.parser.close()
    try:
        _, extensions, subprotocol = protocol.process_request(websockets.Request("/", Headers([*asked, _ANY_KEY])))
    except InvalidHandshake as error:
        raise _refusal(error, subprotocols) from None
    named = (("Extensions", extensions), ("Protocol", subprotocol))
    headers = "".join(f"Sec-WebSocket-{name}: {value}\r\n" for name, value in named if value is not None)
    return _Terms(headers, subprotocol, _window(protocol))


def _key(request: Request) -> str:
    keys = [value for name, value in request.headers if name == "sec-websocket-key"]
    try:
        if len(keys) == 1 and len(binascii.a2b_base64(keys[0], strict_mode=True)) == KEY_SIZE:
            return keys[0]
    except ValueError:
        pass
    raise MalformedInput("not a WebSocket handshake: Sec-WebSocket-Key is not 16 bytes in base64", hint=RFC)


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
    return MalformedInput(f"not a WebSocket handshake: {why}", hint=RFC)
