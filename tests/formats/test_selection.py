"""Drafts taken apart: keys, types, and drafts of some of their events."""

from __future__ import annotations

import msgspec
import pytest

from eventd.event import Draft, Encoding
from eventd.formats import json_events, msgpack_events
from eventd.formats.blocks import decode
from eventd.formats.selection import count_of, keys, select, sort_out, types
from tests.formats.test_blocks import block

MEMBERS = [
    {"specversion": "1.0", "id": str(n), "source": "/s", "type": f"a.{n}", "data": {"n": n, "text": 'a "quote", [x]'}}
    for n in range(4)
]
DRAFTS = {
    "json": json_events.read_events([msgspec.json.encode(m) for m in MEMBERS], {}),
    "msgpack": msgpack_events.read_events([msgspec.msgpack.encode(m) for m in MEMBERS], {}),
}
FORWARD = Draft(Encoding.FORWARD, 1, ("t",), msgspec.msgpack.encode([1, {"a": 1}]), "/f")


@pytest.mark.parametrize("name", DRAFTS)
def test_each_event_has_a_key_of_its_own_and_the_same_in_every_format(name: str) -> None:
    assert len(set(keys(DRAFTS[name]))) == len(MEMBERS)
    assert keys(DRAFTS[name]) == keys(DRAFTS["json"]) == keys(block(DRAFTS[name]))


def test_source_and_id_do_not_run_into_each_other() -> None:
    pairs = [{"id": "bc", "source": "a"}, {"id": "c", "source": "ab"}]
    raws = [msgspec.json.encode({"specversion": "1.0", "type": "t", **pair}) for pair in pairs]
    assert len(set(keys(json_events.read_events(raws, {})))) == 2


def test_forward_entries_have_no_keys_and_the_tag_as_their_type() -> None:
    assert keys(FORWARD) == []
    assert types(FORWARD) == ["t"]


@pytest.mark.parametrize("name", DRAFTS)
def test_a_selection_has_just_the_chosen_events(name: str) -> None:
    chosen = select(DRAFTS[name], [1, 3])
    whole = decode(block(DRAFTS[name]))
    assert decode(block(chosen)) == [whole[1], whole[3]]
    assert (chosen.count, chosen.types, types(chosen)) == (2, ("a.1", "a.3"), ["a.1", "a.3"])


@pytest.mark.parametrize("name", DRAFTS)
def test_events_of_chosen_types_are_sorted_out_in_their_order(name: str) -> None:
    draft = DRAFTS[name]
    unlisted = msgspec.structs.replace(draft, types=())
    for given in (draft, unlisted):
        others, found = sort_out([given, FORWARD], frozenset({"a.1", "a.2", "t"}))
        assert [types(each) for each in others] == [["a.0", "a.3"]]
        assert [types(each) for each in found] == [["a.1", "a.2"], ["t"]]


def test_what_is_all_of_a_kind_is_not_taken_apart() -> None:
    draft = DRAFTS["json"]
    others, found = sort_out([draft], frozenset({"b"}))
    assert others[0] is draft
    assert found == []
    others, found = sort_out([draft], frozenset({"a.0", "a.1", "a.2", "a.3"}))
    assert found[0] is draft
    assert others == []
    assert (count_of(draft, frozenset()), count_of(draft, frozenset({"a.1"})), count_of(FORWARD, frozenset("t"))) == (
        0, 1, 1,
    )  # fmt: skip
