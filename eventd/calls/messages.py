"""What the daemon and a worker say to each other: frames of a length and a msgpack message.

    daemon                          worker
      Setup ──────────────────────►
            ◄────────────────────── Ready, or Failed and its end
      Call ───────────────────────►
            ◄────────────────────── Ask     as often as it wants to know something of its state
      Answer ─────────────────────►
            ◄────────────────────── Outcome, in parts where it is large
      Stop ───────────────────────►
            ◄────────────────────── Stopped and its end

``Log`` comes at any time. Nobody else is on the line: a socketpair made for this worker. What
comes out of a worker is a plugin's, and is checked all the same.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from eventd.calls.told import Told
from eventd.errors import MalformedInput
from eventd.event import Block, Draft

__all__ = [
    "HEAD",
    "LINE_LOST",
    "Answer",
    "Ask",
    "Call",
    "Cut",
    "Failed",
    "Frames",
    "FromWorker",
    "Log",
    "Outcome",
    "Ready",
    "Setup",
    "Stop",
    "Stopped",
    "ToWorker",
    "frame",
    "from_worker",
    "length_of",
    "to_worker",
    "too_large",
]

#: Bytes of one message, and of one outcome: what one call may emit, and what it wrote into its state.
MOST_MESSAGE = 256 << 20

#: The exit code of a worker whose line is gone, as sysexits.h calls an error of input or output.
LINE_LOST = 74

_length = struct.Struct("!I")
#: Bytes of a length.
HEAD: Final = _length.size


class Setup(msgspec.Struct, tag=0, array_like=True):
    """What the worker is: ``eventd.worker.task.Task``, pickled."""

    task: bytes


class Cut(msgspec.Struct, array_like=True):
    """A block of the journal; ``chosen`` are the indices of the events that are meant, all of them by default."""

    block: Block
    chosen: list[int] | None = None

    @property
    def size(self) -> int:
        """How many events are meant."""
        return self.block.count if self.chosen is None else len(self.chosen)


class Call(msgspec.Struct, tag=1, array_like=True):
    """Handle these events. ``stale`` are keys of the state that others wrote; ``None`` for all of them.

    ``number`` comes back in the outcome.
    """

    cuts: list[Cut]
    stale: list[str] | None = []
    number: int = 0


class Answer(msgspec.Struct, tag=2, array_like=True):
    """What was asked, or why there is no answer. To ``range``: a page, and from where to ask for the next one."""

    value: Any
    error: Told | None = None


class Stop(msgspec.Struct, tag=3, array_like=True):
    """Stop the plugin, and end."""


class Ready(msgspec.Struct, tag=16, array_like=True):
    """The plugin has started."""


class Failed(msgspec.Struct, tag=17, array_like=True):
    """The plugin cannot be started."""

    error: Told


class Ask(msgspec.Struct, tag=18, array_like=True):
    """A question to the state: ``what`` is ``get``, ``range`` or ``count``."""

    what: str
    key: str
    start: str | None = None
    end: str | None = None
    limit: int = 0


class Outcome(msgspec.Struct, tag=19, array_like=True):
    """What a call came to: what was emitted, which events failed or what was raised, and what the state is to keep.

    ``read`` are the keys that it looked at, ``None`` where it looked at ranges. ``spent`` says
    that the worker is to be replaced: it has no memory left. ``more`` says that this is a part
    of it, and another one follows: see ``eventd.calls.parts``.
    """

    drafts: list[Draft]
    failures: dict[int, Told]
    raised: Told | None
    changes: dict[str, bytes | None]
    read: list[str] | None
    spent: bool
    number: int = 0
    more: bool = False


class Log(msgspec.Struct, tag=20, array_like=True):
    """A line for the daemon's log."""

    level: int
    name: str
    text: str


class Stopped(msgspec.Struct, tag=21, array_like=True):
    """The plugin is stopped."""

    error: Told | None


ToWorker = Setup | Call | Answer | Stop
FromWorker = Ready | Failed | Ask | Outcome | Log | Stopped

_encode = msgspec.msgpack.Encoder().encode
_to_worker = msgspec.msgpack.Decoder(ToWorker).decode
_from_worker = msgspec.msgpack.Decoder(FromWorker).decode


def frame(message: ToWorker | FromWorker) -> bytes:
    """A message as it is sent.

    :raises MalformedInput: when it is larger than a message may be.
    """
    body = _encode(message)
    if len(body) > MOST_MESSAGE:
        raise too_large(len(body))
    return _length.pack(len(body)) + body


def too_large(size: int) -> MalformedInput:
    """The error for what is not sent, or not taken."""
    return MalformedInput(
        f"what daemon and worker say to each other at once has {size} bytes, at most {MOST_MESSAGE} are sent",
        hint="emit, write or ask for less at a time",
    )


def length_of(head: bytes | bytearray | memoryview, at: int = 0) -> int:
    """How many bytes the message has whose length stands there.

    :raises MalformedInput: when that is more than a message may have.
    """
    length: int = _length.unpack_from(head, at)[0]
    if length > MOST_MESSAGE:
        raise MalformedInput(f"a message of {length} bytes is announced, at most {MOST_MESSAGE} are taken")
    return length


def to_worker(body: bytes | memoryview) -> ToWorker:
    """A message of the daemon; nothing of it is kept in ``body``."""
    message: ToWorker = _to_worker(body)
    return message


def from_worker(body: bytes) -> FromWorker:
    """A message of a worker.

    :raises MalformedInput: when it is none.
    """
    try:
        message: FromWorker = _from_worker(body)
    except (msgspec.DecodeError, ValueError) as error:
        raise MalformedInput(f"what a worker sent is no message: {error}") from error
    return message


class Frames:
    """Bytes in, the bodies of whole messages out."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes that came.

        :raises MalformedInput: when a length is larger than a message may be.
        """
        buffer = self._buffer
        buffer += data
        at = 0
        try:
            while len(buffer) - at >= HEAD:
                end = at + HEAD + length_of(buffer, at)
                if len(buffer) < end:
                    return
                # Without the view, it would be copied twice.
                with memoryview(buffer) as view:
                    body = bytes(view[at + HEAD : end])
                at = end
                yield body
        finally:
            del buffer[:at]
