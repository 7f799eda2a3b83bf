"""The other end of a link, without a socket: a server's half of ``websockets``."""

from __future__ import annotations

from typing import Any

import msgspec
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from eventd.client.address import parse
from eventd.client.link import Link
from eventd.client.messages import CODECS

__all__ = ["Peer", "joined"]

URI = parse("ws://hub.example.com/events").uri


class Peer:
    """A server of one connection; ``heard`` has what the client has said."""

    def __init__(self, name: str = "json") -> None:
        self.codec = CODECS[name]
        self.module: Any = msgspec.json if self.codec.text else msgspec.msgpack
        self.protocol = ServerProtocol(subprotocols=[Subprotocol(self.codec.name)], max_size=None)
        self.request: Request | None = None
        self.heard: list[dict[str, Any]] = []
        self.frames: list[Frame] = []

    def take(self, data: bytes) -> bytes:
        """Read what the client sent; return what answers the handshake, pings and closes."""
        self.protocol.receive_data(data)
        for event in self.protocol.events_received():
            if isinstance(event, Request):
                self.request = event
                self.protocol.send_response(self.protocol.accept(event))
            elif event.opcode in (Opcode.TEXT, Opcode.BINARY):
                assert (event.opcode is Opcode.TEXT) is self.codec.text
                self.heard.append(self.module.decode(event.data))
            else:
                self.frames.append(event)
        return self._bytes()

    def say(self, op: str, **fields: Any) -> bytes:
        """One message, as a frame."""
        data = self.module.encode({"op": op, **fields})
        (self.protocol.send_text if self.codec.text else self.protocol.send_binary)(data)
        return self._bytes()

    def close(self, code: int = 1000, reason: str = "") -> bytes:
        self.protocol.send_close(code, reason)
        return self._bytes()

    def ping(self) -> bytes:
        self.protocol.send_ping(b"hello?")
        return self._bytes()

    def ops(self, op: str) -> list[dict[str, Any]]:
        """What the client has said with ``op``."""
        return [told for told in self.heard if told["op"] == op]

    def _bytes(self) -> bytes:
        return b"".join(self.protocol.data_to_send())


def joined(name: str = "json") -> tuple[Link, Peer]:
    """A link whose handshake is done, and its other end."""
    peer = Peer(name)
    link = Link(URI, peer.codec.name, {}, text=peer.codec.text)
    assert link.receive(peer.take(link.outgoing())) == []
    assert link.opened
    return link, peer
