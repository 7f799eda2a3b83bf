"""How many arrays and maps may come in one piece: what a few bytes become when they are decoded.

An empty map is one byte of msgpack and more than seventy in memory, so that a limit on
bytes alone would let 64 MiB become gigabytes, and hold the hub for a minute. The parts are
counted before anything is decoded, and only where the bytes could be too many of them.
How deep they are nested is looked at in ``payloads``.
"""

from __future__ import annotations

import re

import msgpack

from eventd.errors import TooLarge

__all__ = ["MOST_PARTS", "check_json_parts", "check_msgpack_parts"]

#: Five for each event of the largest batch; decoded, at most some 150 MB.
MOST_PARTS = 500_000

#: A part takes two bytes of JSON at least, its brackets, and one of msgpack.
HARMLESS_JSON, HARMLESS_MSGPACK = 2 * MOST_PARTS, MOST_PARTS

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)

_ARRAYS = bytes([*range(0x90, 0xA0), 0xDC, 0xDD])
_MAPS = bytes([*range(0x80, 0x90), 0xDE, 0xDF])
_OTHERS = bytes(set(range(256)) - {*_ARRAYS, *_MAPS})


def check_json_parts(text: bytes) -> None:
    """Refuse JSON of too many arrays and objects; whether it is JSON, the reader says.

    :raises TooLarge: when there are more than ``MOST_PARTS``.
    """
    if len(text) > HARMLESS_JSON and _brackets(text) > MOST_PARTS and _brackets(_STRING.sub(b"", text)) > MOST_PARTS:
        raise _too_many()


def check_msgpack_parts(data: bytes) -> None:
    """The same for msgpack values, one behind the other.

    :raises TooLarge: when there are more than ``MOST_PARTS``.
    """
    # The bytes that begin a part are found in text and numbers, too: only a walk can tell.
    if len(data) > HARMLESS_MSGPACK and len(data.translate(None, _OTHERS)) > MOST_PARTS:
        _walk(data)


def _brackets(text: bytes) -> int:
    return text.count(b"[") + text.count(b"{")


def _walk(data: bytes) -> None:
    values = msgpack.Unpacker(max_buffer_size=len(data))
    values.feed(data)
    parts, arrays, maps = 0, frozenset(_ARRAYS), frozenset(_MAPS)
    try:
        while (at := values.tell()) < len(data):
            first = data[at]
            if first in arrays:
                values.read_array_header()
            elif first in maps:
                values.read_map_header()
            else:
                values.skip()
                continue
            parts += 1
            if parts > MOST_PARTS:
                raise _too_many()
    except (msgpack.OutOfData, ValueError):
        # Cut short, or not msgpack: the reader finds the same and says it.
        return


def _too_many() -> TooLarge:
    return TooLarge(f"more than {MOST_PARTS} arrays and maps", hint="send it in several pieces")
