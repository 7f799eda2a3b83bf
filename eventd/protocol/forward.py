"""One Forward connection without its socket: bytes in, chunks of events and their acks out.

    [tag, time, record, option?]       Message: gathered with its neighbours of that tag
    [tag, [entry, …], option?]         Forward
    [tag, bytes of entries, option?]   PackedForward, gzip or zstd where it is
    nil                                heartbeat

A frame with ``chunk`` in its options gets its ack when its events are durable; frames
without are never answered. A bad event in a good frame is skipped and counted, since a
client would send it again for ever; a bad frame ends the connection, since what follows
cannot be told apart.

A session between two frames holds no parser and no bytes. It does not speak the
shared-key handshake, JSON or UDP.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgpack
import msgspec

from eventd.errors import ClientError, MalformedInput, TooLarge
from eventd.event import Draft
from eventd.formats.breath import Breathe, hold, paced
from eventd.formats.compression import Grown, ignore
from eventd.formats.forward_entries import read_entries, read_packed
from eventd.protocol.forward_frames import Frame, entries_of, is_heartbeat, read_frame
from eventd.protocol.limits import Limits
from eventd.protocol.sequence import then_raise

__all__ = ["Chunk", "ForwardSession"]

#: The parser's first buffer; it grows with what it is fed. The library's own choice of
#: 1 MiB would be mapped and unmapped for each read.
FIRST_BUFFER = 16 * 1024
#: A map of one, ``ack``; the chunk's id follows as it came.
_ACK = b"\x81\xa3ack"
#: Why the events of a frame with metrics or traces are not taken.
NOT_LOGS = "not_logs"
#: Frames that are read in a row, some 0.5 ms where they are small.
IN_A_ROW = 64


class Chunk(msgspec.Struct):
    """Events that stand or fall together.

    ``draft`` is none where nothing is left to keep. ``ack`` is sent once the draft is
    durable, or at once without one; none where the client does not ask. ``skipped``
    counts by reason what was not kept.
    """

    draft: Draft | None
    ack: bytes | None
    skipped: Counter[str]


class ForwardSession:
    """The server's end of one connection.

    :param origin: the ``source`` of its events.
    """

    __slots__ = ("_base", "_buffer", "_error", "_parser", "limits", "origin", "schemas")

    def __init__(self, limits: Limits, schemas: Mapping[str, Any], origin: str) -> None:
        self.limits = limits
        self.schemas = schemas
        self.origin = origin
        #: Bytes of the frame under way; the parser has seen them all.
        self._buffer: bytearray | bytes = b""
        #: Where in the parser's count the buffer begins.
        self._base = 0
        self._parser: msgpack.Unpacker | None = None
        self._error: ClientError | None = None

    @property
    def buffered(self) -> int:
        """Bytes held of a frame that is not complete."""
        return len(self._buffer)

    def receive(self, data: bytes, breathe: Breathe = hold, grown: Grown = ignore) -> Iterable[Chunk]:
        """Read on, and return what is complete, in order but for messages of one tag.

        :param breathe: called now and then. :param grown: told how large a payload is by now that is inflated.
        :raises ClientError: when what came is no frame, or too large; after the chunks
            before it, from the iteration over them. Close the connection.
        """
        if self._error is not None:
            return []
        gathered = _Gathered(self, breathe)
        try:
            for frame in paced(self._frames(data), breathe, IN_A_ROW):
                if not is_heartbeat(frame):
                    gathered.take(read_frame(frame, self.limits, grown))
        except ClientError as error:
            self._error = error
            self._buffer, self._parser = b"", None
        chunks = gathered.finish()
        return chunks if self._error is None else then_raise(chunks, self._error)

    def _frames(self, data: bytes) -> Iterable[bytes]:
        """Every complete msgpack value in what was held and ``data``."""
        if self._parser is None:
            self._parser, self._base, self._buffer = _new_parser(), 0, data
        else:
            self._buffer += data
        parser, buffer, start = self._parser, self._buffer, 0
        parser.feed(data)
        while (end := self._skip(parser)) is not None:
            end -= self._base
            self._check_size(end - start)
            yield bytes(buffer[start:end]) if start or end < len(buffer) else bytes(buffer)
            start = end
        self._keep(start)

    def _keep(self, start: int) -> None:
        """Hold what is left from ``start`` on until more comes."""
        left = len(self._buffer) - start
        self._check_size(left)
        if not left:
            self._buffer, self._parser = b"", None
        elif start or isinstance(self._buffer, bytes):
            self._buffer = bytearray(memoryview(self._buffer)[start:])
            self._base += start

    def _check_size(self, size: int) -> None:
        if size > self.limits.message_size:
            raise TooLarge(f"a frame of more than {self.limits.message_size} bytes")

    @staticmethod
    def _skip(parser: msgpack.Unpacker) -> int | None:
        """Step over one value; where it ends, or none while it is incomplete."""
        try:
            parser.skip()
        except msgpack.OutOfData:
            return None
        except msgpack.StackError as error:
            raise TooLarge("a frame that is nested too deeply", reason="too_deep") from error
        except ValueError as error:
            raise MalformedInput("not msgpack", hint="is it a Forward client that speaks to this port?") from error
        return int(parser.tell())


class _Gathered:
    """The chunks of one read, in which messages without ack are put together by tag."""

    def __init__(self, session: ForwardSession, breathe: Breathe) -> None:
        self._session = session
        self._breathe = breathe
        self._chunks: list[Chunk] = []
        self._messages: dict[str, list[bytes]] = {}

    def take(self, frame: Frame) -> None:
        if frame.kind == "message" and not frame.chunk:
            self._messages.setdefault(frame.tag, []).append(frame.body)
            return
        self._flush()
        ack = _ACK + frame.chunk if frame.chunk else None
        draft, skipped = self._read(frame)
        if draft is not None or skipped or ack is not None:
            self._chunks.append(Chunk(draft, ack, skipped))

    def finish(self) -> list[Chunk]:
        self._flush()
        return self._chunks

    def _read(self, frame: Frame) -> tuple[Draft | None, Counter[str]]:
        if frame.kind == "signal":
            return None, Counter({NOT_LOGS: 1})
        tag, session = frame.tag, self._session
        origin, schemas, breathe = session.origin, session.schemas, self._breathe
        if frame.kind == "packed":
            breathe()
            size = entries_of(frame.body, session.limits) or frame.size
            return read_packed(tag, frame.body, size_hint=size, origin=origin, schemas=schemas, breathe=breathe)
        entries = frame.body if frame.kind == "forward" else [frame.body]
        return read_entries(tag, entries, origin=origin, schemas=schemas, breathe=breathe)

    def _flush(self) -> None:
        """Make a chunk of the messages of each tag, before something that is not one."""
        messages, self._messages = self._messages, {}
        for tag, entries in messages.items():
            draft, skipped = read_entries(
                tag, entries, origin=self._session.origin, schemas=self._session.schemas, breathe=self._breathe
            )
            self._chunks.append(Chunk(draft, None, skipped))


def _new_parser() -> msgpack.Unpacker:
    # The frame's size is bounded by the session; the parser's own bound must not come first.
    return msgpack.Unpacker(read_size=FIRST_BUFFER, max_buffer_size=0)
