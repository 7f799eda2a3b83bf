"""Messages come out of the frames as they went in, however the bytes are cut; what is none is refused."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.calls import messages
from eventd.calls.messages import (
    Answer,
    Ask,
    Call,
    Cut,
    Failed,
    Frames,
    FromWorker,
    Log,
    Outcome,
    Ready,
    Setup,
    Stop,
    Stopped,
    ToWorker,
    frame,
    from_worker,
    to_worker,
)
from eventd.calls.told import tell
from eventd.errors import MalformedInput
from eventd.event import Block, Draft, Encoding

BLOCK = Block(7, 2, Encoding.FORWARD, ("a", "b"), 1_700_000_000, b"\x92\x01\x80" * 2, "forward://x")
TO_WORKER: list[ToWorker] = [Setup(b"task"), Call([Cut(BLOCK), Cut(BLOCK, [1])], ["k"]), Answer(b"v"), Stop()]
FROM_WORKER: list[FromWorker] = [
    Ready(), Failed(tell(ValueError("no"))), Ask("range", "p", None, "q", 5), Log(30, "x", "text"), Stopped(None),
    Outcome([Draft(Encoding.JSON, 1, ("a",), b"{}")], {3: tell(ValueError())}, None, {"k": b"1"}, [], False),
]  # fmt: skip


@given(st.lists(st.integers(min_value=1, max_value=400), max_size=20))
def test_messages_come_through_however_they_are_cut(sizes: list[int]) -> None:
    data = b"".join([frame(message) for message in (*TO_WORKER, *FROM_WORKER)])
    frames, bodies = Frames(), list[bytes]()
    for size in [*sizes, len(data)]:
        bodies += frames.feed(data[:size])
        data = data[size:]

    count = len(TO_WORKER)
    assert [to_worker(body) for body in bodies[:count]] == TO_WORKER
    assert [from_worker(body) for body in bodies[count:]] == FROM_WORKER


def test_a_block_is_the_same_on_the_other_side() -> None:
    assert Cut(BLOCK).block == BLOCK
    assert (Cut(BLOCK).size, Cut(BLOCK, [1]).size) == (2, 1)


@given(st.binary(max_size=300))
def test_what_is_no_message_is_refused(body: bytes) -> None:
    try:
        message = from_worker(body)
    except MalformedInput:
        return
    assert isinstance(message, FromWorker)


def test_a_length_beyond_the_bound_is_refused_before_it_is_awaited() -> None:
    with pytest.raises(MalformedInput, match="announced"):
        list(Frames().feed(struct.pack("!I", messages.MOST_MESSAGE + 1)))


def test_a_message_beyond_the_bound_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "MOST_MESSAGE", 10)
    with pytest.raises(MalformedInput, match="at most 10"):
        frame(Log(1, "x", "long enough"))
