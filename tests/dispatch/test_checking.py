"""What a worker says that it emitted is held against the rules of the doors."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest

from eventd.calls.collector import Collector
from eventd.dispatch import checking
from eventd.dispatch.checking import Emitted
from eventd.errors import ClientError, TooLarge
from eventd.event import Draft, Encoding, Event
from eventd.formats.blocks import decode, merge
from tests.dispatch.support import block_of, forward_draft
from tests.dispatch.world import on_hub


def emitted(*events: Event) -> Draft:
    collector = Collector("eventd://n/handler/x", {})
    collector.open()
    collector.emit(*events)
    return merge(collector.close())[0]


def written(*members: dict[str, Any], count: int | None = None) -> Draft:
    """A draft of what a plugin writes by itself."""
    body = b"".join(map(msgpack.packb, members))
    return Draft(Encoding.MSGPACK, len(members) if count is None else count, ("done",), body)


def nested(levels: int) -> object:
    data: object = 1
    for _ in range(levels):
        data = [data]
    return data


GOOD = {"specversion": "1.0", "id": "1", "source": "/a", "type": "done", "data": 1}
LARGE = Event("b", [[n] for n in range(300)])


@pytest.mark.parametrize(
    "draft", [emitted(Event("a", {"n": 1}), Event("b", "x")), emitted(Event("a", 1, colour="red")), emitted(LARGE)]
)
@on_hub
def test_what_was_emitted_by_the_rules_stays_as_it_is(draft: Draft) -> None:
    assert Emitted().check([draft]) == [draft]


@on_hub
def test_many_at_once_are_looked_at_in_pieces() -> None:
    draft = emitted(*(Event("a", n) for n in range(checking.TOGETHER + 1)))
    pieces = Emitted().check([draft])
    assert [piece.count for piece in pieces] == [1000] * 4 + [1]
    assert b"".join([piece.body for piece in pieces]) == draft.body


@on_hub
def test_types_are_what_is_there() -> None:
    [draft] = Emitted().check([written(GOOD, {**GOOD, "type": "other"})])
    assert draft.types == ("done", "other")
    assert [event.type for event in decode(block_of(0, draft))] == ["done", "other"]


@pytest.mark.parametrize(
    "draft",
    [
        written(GOOD, count=0), written(GOOD, count=-1), written(GOOD, count=2), written(GOOD, count=1 << 40),
        written(GOOD, GOOD, count=1), written(count=1), forward_draft("done", [{"n": 1}]),
        Draft(Encoding.JSON, 1, ("done",), b"{}"), Draft(Encoding.MSGPACK, 1, ("done",), b"\xc1nonsense"),
        written({}), written({**GOOD, "id": ""}), written({**GOOD, "id": 5}), written({**GOOD, "ext": 1.5}),
        written({**GOOD, "type": "a\n"}), written({**GOOD, "time": "now"}), written({**GOOD, "data": nested(200)}),
        Draft(Encoding.MSGPACK, 1, ("done",), msgpack.packb({**GOOD, "data": "x"}).replace(b"\xa1x", b"\xa1\xff")),
        Draft(Encoding.MSGPACK, 1, ("done",), msgpack.packb(GOOD), "forward://x"),
        written({**GOOD, "data": [{}] * 500_001}),
    ],
)  # fmt: skip
@on_hub
def test_what_no_door_would_take_is_refused(draft: Draft) -> None:
    with pytest.raises(ClientError):
        Emitted().check([draft])


@on_hub
def test_one_call_emits_no_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "MOST_EMITTED", 2000)
    checks = Emitted()
    checks.check([written(GOOD)] * 2)
    with pytest.raises(TooLarge, match="in one call"):
        checks.check([written(GOOD)] * 2)
