"""What the protocols cost a message, without sockets: ``python -m bench.micro.protocol``.

Prints the best of several repeats, since on a shared machine the others measure the neighbours.
"""

from __future__ import annotations

import gzip
import sys
import timeit
import tracemalloc
from collections.abc import Callable

import msgpack
import msgspec
from websockets.frames import Frame, Opcode

from eventd.protocol.forward import ForwardSession
from eventd.protocol.http import HTTPSession
from eventd.protocol.limits import Limits
from eventd.protocol.messages import Response
from eventd.protocol.native import CODECS, Codec, Publish
from eventd.protocol.websocket import WebSocketSession

LIMITS = Limits()
REPEATS = 7
EVENT = {
    "specversion": "1.0",
    "id": "b7f3-000017",
    "source": "/sensors/kitchen",
    "type": "com.example.sensor.reading",
    "time": "2026-01-01T00:00:00Z",
    "data": {"celsius": 21.5, "sensor": "kitchen"},
}
TIME = msgpack.ExtType(0, b"\x65\x00\x00\x00\x00\x00\x00\x05")
ENTRY = [TIME, {"log": "x" * 40, "n": 1, "container": "abc"}]


def report(what: str, run: Callable[[], object], per: int = 1, number: int = 2000) -> None:
    """Print the microseconds of one of ``per`` things that ``run`` does."""
    best = min(timeit.repeat(run, number=number, repeat=REPEATS)) / number / per
    print(f"{what:<56}{best * 1e6:8.2f} us")


def publish(codec: Codec, in_flight: int) -> Callable[[], bytes]:
    """Frames in, publishes read, ack frames out."""
    encode = (msgspec.json if codec.text else msgspec.msgpack).encode
    body = encode({"op": "publish", "id": "17", "events": [EVENT]})
    frames = Frame(Opcode.TEXT if codec.text else Opcode.BINARY, body).serialize(mask=True) * in_flight
    session = WebSocketSession(codec.name, 0, LIMITS)

    def run() -> bytes:
        out = b""
        for message in session.receive(frames):
            told = codec.read(message, {}, LIMITS)
            assert isinstance(told, Publish)
            out = session.send(codec.ack(told.id, 1, 1, "disk"), codec.text)
        return out

    return run


def chunks(frame: object) -> Callable[[], object]:
    """One Forward frame in, chunks out."""
    session, data = ForwardSession(LIMITS, {}, "forward://h/x"), msgpack.packb(frame)
    return lambda: list(session.receive(data))


def request() -> bytes:
    """One HTTP request in, its answer out."""
    body = msgspec.json.encode(EVENT)
    head = f"POST /events HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    session = HTTPSession(LIMITS)
    return b"".join(session.respond(Response(204)) for _ in session.receive(head + body))


def idle(make: Callable[[], object]) -> float:
    """Bytes that one more session takes."""
    kept: list[object] = [None] * 1000
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(len(kept)):
        kept[number] = make()
    size = (tracemalloc.get_traced_memory()[0] - before) / len(kept)
    tracemalloc.stop()
    return size


def main() -> None:
    """Measure all."""
    packed = b"".join(msgpack.packb(ENTRY) for _ in range(1000))
    options = {"chunk": "b64==\n", "size": 1000}
    for codec in CODECS.values():
        report(f"{codec.name}: publish in, ack out", publish(codec, 1))
        report(f"{codec.name}: the same, 64 in one read", publish(codec, 64), per=64, number=100)
    report("forward: an event of a chunk of 1000", chunks(["app", [ENTRY] * 1000, options]), 1000, 50)
    report("forward: an event of 1000 packed", chunks(["app", packed, options]), 1000, 50)
    report("forward: an event of 1000 in gzip", chunks(["app", gzip.compress(packed), options]), 1000, 50)
    report("forward: a single message", chunks(["app", *ENTRY]))
    report("http: a request and its answer", request, number=500)
    print(f"{'idle WebSocket session':<56}{idle(lambda: WebSocketSession(None, 12, LIMITS)):8.0f} bytes")
    print(f"{'idle HTTP session':<56}{idle(lambda: HTTPSession(LIMITS)):8.0f} bytes")
    print(f"{'idle Forward session':<56}{idle(lambda: ForwardSession(LIMITS, {}, 'x')):8.0f} bytes")
    print(f"Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
