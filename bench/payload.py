"""The bytes that are sent: one set of events, dressed for each protocol.

All contestants of a case get the same events. Numbers that must differ from message to
message stand as markers here, and the load generator overwrites them in place.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgpack

__all__ = [
    "CHUNK",
    "TAG",
    "Message",
    "chunk_total",
    "entries",
    "forward",
    "native",
    "native_chunk",
    "nats",
    "ping",
    "redis",
    "upgrade",
]

#: Events of one Forward chunk, and of one pipeline for the others.
CHUNK = 1000
TAG = "bench.reading"
SLOT = b"SLOT"
SERIAL = b"SERIALSERIAL"
#: A connection's own number, put in once when it is opened.
CONNECTION = b"@@@@"
#: 2026-01-01 00:00:00 UTC: a fixed time makes every run send the same bytes.
SECONDS = 1767225600


@dataclass(frozen=True)
class Message:
    """A prepared message, how its answers look, and what a trivial server would answer.

    ``hello`` is sent first; in a fan-out, by the publisher, ``subscriber`` by each subscriber,
    and ``subscribe`` behind it where that was an upgrade to a WebSocket.
    """

    wire: str
    body: bytes
    answer: bytes
    answers: int = 1
    hello: bytes = b""
    greeting: bytes = b""
    expect: tuple[str, ...] = ()
    bits: int = 0x81
    subscriber: bytes = b""
    subscribe: bytes = b""
    slot: int = field(init=False)
    serials: tuple[int, ...] = field(init=False)
    answer_slot: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "slot", self.body.find(SLOT))
        object.__setattr__(self, "serials", tuple(_places(self.body, SERIAL)))
        object.__setattr__(self, "answer_slot", self.answer.find(SLOT))

    @property
    def frame_header(self) -> int:
        """Bytes in front of the body on the wire: a masked WebSocket frame's header."""
        if self.wire != "websocket":
            return 0
        return 6 if len(self.body) < 126 else 8 if len(self.body) < 65536 else 14

    def write(self, directory: Path) -> dict[str, Path]:
        """Write the parts into files for the C programs."""
        parts = {
            "message": self.body, "answer": self.answer, "hello": self.hello, "greeting": self.greeting,
            "subscriber": self.subscriber, "subscribe": self.subscribe,
        }  # fmt: skip
        paths = {name: directory / f"{self.wire}.{name}" for name in parts}
        for name, data in parts.items():
            paths[name].write_bytes(data)
        return paths


def _places(data: bytes, marker: bytes) -> Sequence[int]:
    places, at = [], data.find(marker)
    while at >= 0:
        places.append(at)
        at = data.find(marker, at + 1)
    return places


def _record(index: int) -> dict[str, object]:
    sensor = f"sensor-{index:03d}"
    return {"n": 100_000 + index, "sensor": sensor, "celsius": 20 + index / 8, "state": "ok", "site": "north hall"}


def chunk_total(count: int = CHUNK) -> int:
    """The sum of field ``n`` over the first events of a chunk: what a handler that lost nothing has added up."""
    return sum(100_000 + index for index in range(count))


def _records() -> list[bytes]:
    return [bytes(msgpack.packb(_record(index))) for index in range(CHUNK)]


def entries(count: int = CHUNK) -> bytes:
    """The first events of a chunk as Forward entries, one behind the other."""
    stamp = b"\xd7\x00" + SECONDS.to_bytes(4, "big") + bytes(4)
    return b"".join(b"\x92" + stamp + record for record in _records()[:count])


def forward(count: int = CHUNK) -> Message:
    """A PackedForward chunk with a size and a chunk identifier, as Fluentd's own client sends it."""
    chunk = (SLOT + SERIAL).decode()
    body = bytes(msgpack.packb([TAG, entries(count), {"size": count, "chunk": chunk}]))
    return Message("forward", body, bytes(msgpack.packb({"ack": chunk})))


def nats() -> Message:
    """A pipeline of single-event messages, each with a reply subject for its acknowledgement."""
    subject, reply = TAG.encode(), b"_INBOX.bench." + CONNECTION
    body = b"".join(b"PUB %b %b %d\r\n%b\r\n" % (subject, reply, len(record), record) for record in _records())
    options = {"verbose": False, "pedantic": False, "lang": "c", "version": "1", "name": "bench", "protocol": 1}
    hello = b"CONNECT " + json.dumps(options).encode() + b"\r\nSUB _INBOX.bench.%b 1\r\n" % CONNECTION
    ack = b'{"stream":"BENCH", "seq":100000}'
    answer = b"MSG _INBOX.bench.0000 1 %d\r\n%b\r\n" % (len(ack), ack)
    return Message("nats", body, answer * CHUNK, answers=CHUNK, hello=hello)


def redis() -> Message:
    """A pipeline of XADD commands, one event each, in one field."""
    commands = [(b"XADD", TAG.encode(), b"*", b"d", record) for record in _records()]
    body = b"".join(b"*5\r\n" + b"".join(b"$%d\r\n%b\r\n" % (len(w), w) for w in words) for words in commands)
    return Message("redis", body, b"$15\r\n1767225600000-0\r\n" * CHUNK, answers=CHUNK)


def native(*, deflate: bool = False, compressed: bool = False) -> Message:
    """One event a message in the native protocol's ``publish``, over a WebSocket."""
    event = _event(SERIAL.decode(), 0)
    return _publish([{**event, "datacontenttype": "application/json"}], deflate=deflate, compressed=compressed)


def native_chunk() -> Message:
    """The events of a chunk in one ``publish``. Their ids are those of other chunks, too: nothing is deduplicated."""
    return _publish([_event(str(index), index) for index in range(CHUNK)])


def ping() -> Message:
    """A WebSocket's ping, answered by whoever reads it and by nobody else."""
    hello, greeting, expect = upgrade(deflate=False)
    return Message("websocket", SLOT, bytes([0x8A, len(SLOT)]) + SLOT, 1, hello, greeting, expect, 0x89)


def _event(id: str, index: int) -> dict[str, object]:
    return {
        "specversion": "1.0", "id": id, "source": "/bench/sensors", "type": TAG, "time": "2026-01-01T00:00:00Z",
        "data": _record(index),
    }  # fmt: skip


def _publish(events: Sequence[object], *, deflate: bool = False, compressed: bool = False) -> Message:
    publish = {"op": "publish", "id": (SLOT + SERIAL).decode(), "events": events}
    body = json.dumps(publish, separators=(",", ":")).encode()
    ack = b'{"op":"ack","id":"SLOT"}'
    hello, greeting, expect = upgrade(deflate=deflate)
    bits = 0x81
    if compressed:
        body, bits = _deflated(body.replace(SLOT, b"0000").replace(SERIAL, b"0" * len(SERIAL))), 0xC1
    return Message("websocket", body, bytes([0x81, len(ack)]) + ack, 1, hello, greeting, expect, bits)


def _deflated(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def upgrade(*, deflate: bool) -> tuple[bytes, bytes, tuple[str, ...]]:
    """The opening handshake, a server's answer to it, and what that answer must contain."""
    key = base64.b64encode(b"a fixed key 16 b").decode()
    digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    accept = base64.b64encode(digest).decode()
    lines = [
        "GET /events HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: eventd.v1.json",
    ]  # fmt: skip
    if deflate:
        lines.append("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
    hello = "\r\n".join([*lines, "", ""]).encode()
    greeting = f"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode()
    return hello, greeting, (accept, *(("permessage-deflate",) if deflate else ()))
