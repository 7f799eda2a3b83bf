"""One frame of the Forward protocol, taken apart: tag, mode, entries, options.

It decodes the frame's own parts and steps over the events in it; those are checked in
``eventd.formats.forward_entries``. It keeps nothing.
"""

from __future__ import annotations

import msgpack
import msgspec
from msgspec import Raw

from eventd.errors import MalformedInput, TooLarge, UnsupportedFormat
from eventd.formats.compression import Grown, ignore, inflate
from eventd.protocol.limits import Limits

__all__ = ["Frame", "entries_of", "is_heartbeat", "read_frame"]

#: What the second element is, by its first byte.
_ARRAYS = frozenset([*range(0x90, 0xA0), 0xDC, 0xDD])
_STRINGS = frozenset([*range(0xA0, 0xC0), 0xD9, 0xDA, 0xDB])
_BYTES = frozenset([0xC4, 0xC5, 0xC6])
_MAPS = frozenset([*range(0x80, 0x90), 0xDE, 0xDF])
#: Integers, floats, extensions, and nil, which stands for now.
_TIMES = frozenset([*range(0x80), *range(0xE0, 0x100), 0xC0, *range(0xC7, 0xD9)])

#: A frame has at most four elements. Eight leave room for a later version of the protocol.
MOST_ELEMENTS = 8
#: A chunk's id is echoed; real ones have up to 128 bytes.
MOST_CHUNK = 1024
#: How much of an unknown compression's name is told.
MOST_TOLD = 40
#: The shortest entry, ``[0, {}]``: what a payload's size says about the number of its events.
LEAST_ENTRY = 3

#: How compressed data begins, whatever the options say: no entry begins so.
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5": "zstd"}
#: Values of ``compressed`` that need no magic.
_PLAIN = frozenset({None, "text", "gzip", "zstd"})

#: What a client meant that speaks something else, by how it begins.
_STRANGERS = {
    0x16: "this listener has no TLS",
    0x47: "HTTP is spoken on another port",
    0x50: "HTTP is spoken on another port",
    0x5B: "Forward in JSON is not supported, only in msgpack",
    0x7B: "Forward in JSON is not supported, only in msgpack",
}


class Frame(msgspec.Struct, gc=False):
    """What one frame says; ``body`` is msgpack still.

    ``kind`` is ``message`` (body: one entry), ``forward`` (an array of them), ``packed``
    (entries one behind the other) or ``signal`` (no logs: nothing that we understand).
    ``chunk`` is the id to acknowledge, as the msgpack string it came in, else empty.
    """

    kind: str
    tag: str
    body: bytes
    chunk: bytes = b""
    size: int | None = None


class _Options(msgspec.Struct, gc=False):
    chunk: Raw = Raw()
    size: Raw = Raw()
    compressed: Raw = Raw()
    fluent_signal: Raw = Raw()
    metadata: Raw = Raw()


_elements = msgspec.msgpack.Decoder(list[Raw]).decode
_text = msgspec.msgpack.Decoder(str).decode
_number = msgspec.msgpack.Decoder(int | None).decode
_word = msgspec.msgpack.Decoder(str | None).decode
_options = msgspec.msgpack.Decoder(_Options).decode
_payload = msgspec.msgpack.Decoder(bytes).decode
_NO_OPTIONS = _Options()
_NOTHING = (b"\xc0", b"\x80")


def is_heartbeat(frame: bytes) -> bool:
    """Whether it is ``nil``, which is not answered."""
    return frame == b"\xc0"


def read_frame(frame: bytes, limits: Limits, grown: Grown = ignore) -> Frame:
    """Take a whole msgpack value apart.

    :param grown: told how large a payload is by now that is inflated.
    :raises ClientError: when it is no frame; what follows it cannot be trusted.
    """
    try:
        parts = _split(frame)
        tag = _text(parts[0])
        return _read(tag, parts, limits, grown)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise MalformedInput(f"not a Forward frame: {error}") from error


def entries_of(payload: bytes, limits: Limits) -> int | None:
    """How many entries a packed payload has, where it may be more than are allowed."""
    if len(payload) <= LEAST_ENTRY * limits.batch_events:
        return None
    counter = msgpack.Unpacker(max_buffer_size=len(payload))
    counter.feed(payload)
    count = 0
    try:
        while count <= limits.batch_events:
            counter.skip()
            count += 1
    except msgpack.OutOfData:
        return count
    except ValueError as error:
        raise MalformedInput(f"not packed entries: {error}") from error
    raise _too_many(limits)


def _split(frame: bytes) -> list[Raw]:
    first = frame[0]
    if first not in _ARRAYS:
        raise MalformedInput("not a Forward frame: not an array", hint=_STRANGERS.get(first))
    count = first & 0x0F if first < 0xA0 else int.from_bytes(frame[1 : 3 if first == 0xDC else 5], "big")
    if not 2 <= count <= MOST_ELEMENTS:
        raise MalformedInput(f"not a Forward frame: an array of {count}")
    return _elements(frame)


def _read(tag: str, parts: list[Raw], limits: Limits, grown: Grown) -> Frame:
    second = memoryview(parts[1])[0]
    if second in _TIMES:
        return _read_message(tag, parts)
    told = _read_options(parts, 2)
    chunk = _chunk(told)
    if told.fluent_signal and _number(told.fluent_signal):
        return Frame("signal", tag, b"", chunk)
    if second in _ARRAYS:
        body = bytes(parts[1])
        _check_count(body, limits)
        return Frame("forward", tag, body, chunk)
    if second in _STRINGS or second in _BYTES:
        entries = _inflated(_content(parts[1]), told, limits, grown)
        return Frame("packed", tag, entries, chunk, _size(told))
    raise MalformedInput("not a Forward frame: the second element is no time, array or bytes")


def _read_message(tag: str, parts: list[Raw]) -> Frame:
    if len(parts) < 3:
        raise MalformedInput("not a Forward frame: a message without a record")
    told = _read_options(parts, 3)
    time = bytes(parts[1])
    if told.metadata and memoryview(told.metadata)[0] in _MAPS:
        time = b"\x92" + time + bytes(told.metadata)
    return Frame("message", tag, b"\x92" + time + bytes(parts[2]), _chunk(told))


def _read_options(parts: list[Raw], at: int) -> _Options:
    """Options may be absent, a map, or the nil that Docker 18 sends."""
    if len(parts) <= at or bytes(parts[at]) in _NOTHING:
        return _NO_OPTIONS
    return _options(parts[at])


def _chunk(told: _Options) -> bytes:
    chunk = bytes(told.chunk)
    if not chunk or chunk == b"\xc0":
        return b""
    if len(chunk) > MOST_CHUNK or (chunk[0] not in _STRINGS and chunk[0] not in _BYTES):
        raise MalformedInput("the option chunk must be a short string")
    return chunk


def _size(told: _Options) -> int | None:
    """The number of events as claimed: a hint, and some clients put bytes there."""
    try:
        return _number(told.size) if told.size else None
    except msgspec.DecodeError:
        return None


def _content(raw: Raw) -> bytes:
    """The bytes inside a msgpack str or bin; a str need not be UTF-8 here."""
    view = memoryview(raw)
    first = view[0]
    if first < 0xC0:
        return bytes(view[1:])
    return bytes(view[_HEADER[first] :])


_HEADER = {0xC4: 2, 0xC5: 3, 0xC6: 5, 0xD9: 2, 0xDA: 3, 0xDB: 5}


def _inflated(payload: bytes, told: _Options, limits: Limits, grown: Grown) -> bytes:
    kind = _MAGIC.get(payload[:2])
    if kind is not None:
        return inflate(kind, payload, limits.decompressed_size, grown)
    declared = _word(told.compressed) if told.compressed else None
    if declared not in _PLAIN:
        raise UnsupportedFormat(f"compressed with {str(declared)[:MOST_TOLD]!r}", hint="gzip and zstd are understood")
    return payload


def _check_count(array: bytes, limits: Limits) -> None:
    first = array[0]
    if first >= 0xDC and int.from_bytes(array[1 : 3 if first == 0xDC else 5], "big") > limits.batch_events:
        raise _too_many(limits)


def _too_many(limits: Limits) -> TooLarge:
    return TooLarge(f"more than {limits.batch_events} events in one frame")
