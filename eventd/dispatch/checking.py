"""What workers say that they emitted, held against the rules of the doors.

A worker checks what its plugin emits, but its plugin may do in it what it likes; and what is
in the journal, all consumers have to be able to read. Only payloads are not held against
their declared types again: who reads them bears those that do not fit, and a worker may have
been started with a newer version of the types.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from eventd.calls.collector import DRAFT_BYTES, MOST_EMITTED
from eventd.errors import MalformedInput, TooLarge
from eventd.event import Draft, Encoding
from eventd.formats import msgpack_events
from eventd.formats.forward_entries import array_header
from eventd.formats.parts import HARMLESS_MSGPACK, check_msgpack_parts
from eventd.green import give_way

__all__ = ["Emitted"]

#: Events that are looked at one by one without a break, in 3 ms or so, and those that are looked at together, in 6.
AT_ONCE, TOGETHER = 1000, 4000

_raws = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode


class Emitted:
    """Checks what one call emitted, as it comes; only for green threads.

    Workers send little at once. What is more than that lets others have their turn.
    """

    def __init__(self) -> None:
        self._size = 0

    def check(self, drafts: Iterable[Draft]) -> list[Draft]:
        """The same events, as drafts that may go into the journal.

        :raises ClientError: when they may not.
        """
        return [checked for draft in drafts for checked in self._checked(draft)]

    def _checked(self, draft: Draft) -> Iterator[Draft]:
        self._size += len(draft.body) + DRAFT_BYTES
        if self._size > MOST_EMITTED:
            raise TooLarge(f"more than {MOST_EMITTED >> 20} MiB were emitted in one call")
        _check_shape(draft)
        small = draft.count <= TOGETHER and len(draft.body) <= HARMLESS_MSGPACK
        types = msgpack_events.plain_types(draft.body, draft.count) if small else None
        if types is not None:
            yield Draft(draft.encoding, draft.count, types, draft.body)
            return
        raws = _cut(draft)
        for begin in range(0, len(raws), AT_ONCE):
            yield msgpack_events.read_events(raws[begin : begin + AT_ONCE], {})
            give_way()


def _check_shape(draft: Draft) -> None:
    if draft.encoding is not Encoding.MSGPACK or draft.origin or not 0 < draft.count <= len(draft.body):
        raise MalformedInput(f"what is said to be {draft.count} emitted events is not as workers write them")


def _cut(draft: Draft) -> list[msgspec.Raw]:
    """The events of a draft, one by one."""
    try:
        raws = _raws(array_header(draft.count) + draft.body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedInput(f"what is said to be {draft.count} emitted events is something else: {error}") from None
    for raw in raws:
        check_msgpack_parts(bytes(raw))
    return raws
