"""The bytes of a fan-out: events of 100 bytes, dressed for each protocol, and how one subscribes.

In each event's payload a marker stands once, and behind it the digits into which the
generator writes when it was published. No protocol here says the marker by itself.
"""

from __future__ import annotations

import json

from bench.payload import SERIAL, Message, upgrade

__all__ = ["EVENT", "SUBJECT", "broadcast", "ceiling", "native", "nats", "redis"]

#: The bytes of each event's payload; for eventd, its ``data`` without the quotes.
EVENT = 100
SUBJECT = "fan.reading"
#: The marker, and digits for nanoseconds.
STAMP = b"~" + b"0" * 20
PAYLOAD = STAMP.ljust(EVENT, b"x")


def native(events: int) -> Message:
    """So many events in a ``publish`` of the native protocol, which is acknowledged."""
    event = {
        "specversion": "1.0", "id": SERIAL.decode(), "source": "/bench/sensors", "type": SUBJECT,
        "time": "2026-01-01T00:00:00Z", "data": PAYLOAD.decode(),
    }  # fmt: skip
    body = _json({"op": "publish", "id": SERIAL.decode(), "events": [event] * events})
    subscribe = _json({"op": "subscribe", "id": "1", "types": [SUBJECT]})
    return _websocket(body, subscribe, answers=1)


def broadcast(events: int) -> Message:
    """So many events in a message, one a line, for a server that only passes messages on."""
    return _websocket(b"\n".join([PAYLOAD] * events), b"subscribe", answers=0)


def _websocket(body: bytes, subscribe: bytes, answers: int) -> Message:
    hello, _, expect = upgrade(deflate=False)
    return Message(
        "websocket", body, b"", answers, hello, expect=expect, subscriber=hello, subscribe=subscribe
    )  # fmt: skip


def _json(told: object) -> bytes:
    return json.dumps(told, separators=(",", ":")).encode()


def nats() -> Message:
    """One event as core NATS has it; it has no acknowledgements."""
    body = b"PUB %b %d\r\n%b\r\n" % (SUBJECT.encode(), EVENT, PAYLOAD)
    options = {"verbose": False, "pedantic": False, "lang": "c", "version": "1", "name": "bench", "protocol": 1}
    hello = b"CONNECT " + _json(options) + b"\r\n"
    return Message("nats", body, b"", 0, hello, subscriber=hello + b"SUB %b 1\r\nPING\r\n" % SUBJECT.encode())


def ceiling() -> Message:
    """What a NATS server would send, for a server that passes bytes on and cannot make it."""
    body = b"MSG %b 1 %d\r\n%b\r\n" % (SUBJECT.encode(), EVENT, PAYLOAD)
    return Message("nats", body, b"", 0, b"PING\r\n", b"PONG\r\n", subscriber=b"PING\r\n")


def redis() -> Message:
    """One event as Redis has it; answered with the number of its receivers."""
    words = (b"PUBLISH", SUBJECT.encode(), PAYLOAD)
    return Message("redis", _resp(*words), b"", 1, subscriber=_resp(b"SUBSCRIBE", SUBJECT.encode()))


def _resp(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
