"""What the server says: the same in both encodings, and as the table of operations has it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.errors import InvalidEvent, JournalUnavailable
from eventd.protocol.answers import Answers
from eventd.protocol.ops import OPS


class Text:
    """One encoding, with its module."""

    def __init__(self, text: bool) -> None:
        self.answers = Answers(text)
        self.module: Any = msgspec.json if text else msgspec.msgpack

    def id(self, value: object) -> bytes:
        encoded: bytes = self.module.encode(value)
        return encoded

    def heard(self, answer: bytes) -> Any:
        """What a client hears, which knows the operations."""
        told = self.module.decode(answer)
        op = OPS[told["op"]]
        assert op.sender == "server"
        assert told.keys() - {"op"} <= set(op.fields)
        return told


BOTH = [Text(True), Text(False)]
pytestmark = pytest.mark.parametrize("way", BOTH, ids=["json", "msgpack"])
IDS = st.text(max_size=60) | st.integers(-(2**63), 2**64 - 1) | st.none()


@given(id=IDS)
def test_any_id_comes_back(way: Text, id: object) -> None:
    answers, known = way.answers, way.id(id)
    for answer in (
        answers.ack(known, 1, 2, "disk"),
        answers.ack(known, 1, 0, "memory"),
        answers.nack(known, []),
        answers.subscribed(known, 1, "e", 2, 3, recovered=True),
        answers.unsubscribed(known, 1),
        answers.present(known, []),
        answers.error(known, "c", "m"),
    ):
        assert way.heard(answer)["id"] == id


def test_an_id_that_was_not_given_is_null(way: Text) -> None:
    answers = way.answers
    for answer in (
        answers.ack(b"", 1, 2, "disk"),
        answers.nack(b"", []),
        answers.subscribed(b"", 1, "e", 2, 3, recovered=True),
        answers.unsubscribed(b"", 1),
        answers.present(b"", []),
        answers.error(answers.null, "c", "m"),
    ):
        assert way.heard(answer)["id"] is None


def test_an_ack_has_the_offsets_and_what_is_promised(way: Text) -> None:
    assert way.heard(way.answers.ack(way.id("7"), 40, 41, "replicated")) == {
        "op": "ack", "id": "7", "offsets": [40, 41], "durability": "replicated",
    }  # fmt: skip
    assert way.heard(way.answers.ack(b"", 40, 39, "memory"))["offsets"] is None


def test_a_nack_says_what_is_wrong_with_each(way: Text) -> None:
    wrong = [InvalidEvent('is "empty"', attribute="id", index=3), JournalUnavailable("full")]
    told = way.heard(way.answers.nack(b"", wrong, 2.5))

    assert told["errors"] == [{"index": 3, "attribute": "id", "message": 'is "empty"'}, {"message": "full"}]
    assert told["retry_after"] == 2.5
    assert "retry_after" not in way.heard(way.answers.nack(b"", wrong))


@pytest.mark.parametrize("recovered", [True, False])
def test_a_subscription_is_told_where_it_begins(way: Text, recovered: bool) -> None:
    assert way.heard(way.answers.subscribed(way.id(5), 3, "epoch", 10, 2**53, recovered=recovered)) == {
        "op": "subscribed", "id": 5, "sid": 3, "epoch": "epoch", "offset": 10, "end": 2**53, "recovered": recovered,
    }  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 65_535, 65_536])
def test_events_are_a_list_of_what_was_written(way: Text, count: int) -> None:
    written = [way.id({"n": number}) for number in range(count)]

    assert way.heard(way.answers.events(3, written, 99)) == {
        "op": "events", "sid": 3, "events": [{"n": number} for number in range(count)], "offset": 99,
    }  # fmt: skip


@given(events=st.lists(st.dictionaries(st.text(max_size=5), IDS, max_size=3), max_size=20))
def test_any_events_are_heard_as_they_were_written(way: Text, events: list[Any]) -> None:
    assert way.heard(way.answers.events(1, [way.id(event) for event in events], 0))["events"] == events


def test_the_end_of_a_subscription_is_told(way: Text) -> None:
    assert way.heard(way.answers.unsubscribed(way.id("7"), 3)) == {"op": "unsubscribed", "id": "7", "sid": 3}


def test_who_is_there_is_told(way: Text) -> None:
    there = {"types": ["a"], "filters": [], "name": None, "client": "c", "connection": 1, "since": "s"}

    assert way.heard(way.answers.present(way.id("7"), [there])) == {
        "op": "present", "id": "7", "subscriptions": [there],
    }  # fmt: skip


def test_an_error_says_what_it_is_about(way: Text) -> None:
    error = way.answers.error

    assert way.heard(error(None, "c", 'm"')) == {"op": "error", "code": "c", "message": 'm"'}
    assert way.heard(error(way.id("7"), "c", "m")) == {"op": "error", "id": "7", "code": "c", "message": "m"}
    assert way.heard(error(None, "c", "m", sid=0)) == {"op": "error", "sid": 0, "code": "c", "message": "m"}
    assert way.heard(error(way.id(7), "c", "m", sid=3))["sid"] == 3


def test_a_bye_says_when_to_come_back(way: Text) -> None:
    assert way.heard(way.answers.bye("stopping", 1.5)) == {"op": "bye", "reason": "stopping", "retry_after": 1.5}
