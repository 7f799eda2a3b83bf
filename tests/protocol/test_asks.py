"""What clients ask beside publishing, in both encodings: the fields that there are, and what is refused how."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.errors import ClientError, InvalidSubscription, MalformedInput, TooLarge
from eventd.protocol.asks import (
    MOST,
    MOST_BYTES,
    MOST_NAME,
    MOST_PATTERN,
    MOST_PATTERNS,
    MOST_PLACE,
    MOST_TOLD,
    AskReader,
    Credit,
    Declined,
    Presence,
    Settle,
    Subscribe,
    Unsubscribe,
)
from eventd.protocol.limits import Limits
from eventd.protocol.native import JSON
from eventd.protocol.ops import OPS
from eventd.protocol.websocket import Message

MODULES: list[Any] = [msgspec.json, msgspec.msgpack]
REQUESTS = ("subscribe", "unsubscribe", "presence")
TELLINGS = ("credit", "settle")
#: What each op needs.
LEAST: dict[str, dict[str, Any]] = {
    "subscribe": {"types": ["a"]},
    "unsubscribe": {"sid": 1},
    "presence": {"types": ["a"]},
    "credit": {"sid": 1, "n": 1},
    "settle": {"sid": 1, "offsets": []},
}


@pytest.fixture(params=MODULES, ids=["json", "msgpack"])
def module(request: pytest.FixtureRequest) -> Any:
    return request.param


def read(module: Any, op: str, **fields: Any) -> Any:
    data = module.encode({"op": op, "id": "7", **LEAST[op], **fields})
    return AskReader(module).read(op, b"the id", data)


def refused(module: Any, op: str, **fields: Any) -> ClientError:
    with pytest.raises((Declined, MalformedInput)) as caught:
        read(module, op, **fields)
    return caught.value


def test_what_a_client_says_is_read_here_but_for_its_publishes(module: Any) -> None:
    said = {op for op, meant in OPS.items() if meant.sender == "client"}

    assert {op for op in OPS if AskReader(module).reads(op)} == said - {"publish"} == {*REQUESTS, *TELLINGS}
    assert not AskReader(module).reads("shout")


@pytest.mark.parametrize("kind", [Subscribe, Unsubscribe, Presence, Credit, Settle])
def test_each_has_the_fields_of_the_table(kind: Any) -> None:
    assert set(kind.__struct_encode_fields__) == set(OPS[kind.__name__.lower()].fields)


def test_what_is_left_out_of_a_subscription_has_its_default(module: Any) -> None:
    ask = read(module, "subscribe")

    assert (ask.types, ask.filters, ask.start, ask.epoch, ask.credit, ask.name) == (
        ["a"],
        None,
        "now",
        None,
        None,
        None,
    )
    assert module.decode(ask.id) == "7"


def test_all_that_may_be_in_a_subscription_is_read(module: Any) -> None:
    fields = {"filters": [{"exact": {"id": "1"}}], "from": 17, "epoch": "e", "credit": 0, "name": "worker-1"}
    ask = read(module, "subscribe", types=["a.*", ">"], **fields)

    assert (ask.types, ask.start) == (["a.*", ">"], 17)
    assert (ask.filters, ask.epoch, ask.credit, ask.name) == ([{"exact": {"id": "1"}}], "e", 0, "worker-1")


@pytest.mark.parametrize("field", ["filters", "epoch", "credit", "name"])
def test_null_is_the_same_as_nothing(module: Any, field: str) -> None:
    assert getattr(read(module, "subscribe", **{field: None}), field) is None


def test_the_others_are_read(module: Any) -> None:
    assert read(module, "unsubscribe", sid=5).sid == 5
    assert read(module, "presence", types=["a", "b.>"]).types == ["a", "b.>"]
    assert read(module, "credit", sid=5, n=MOST) == Credit(5, MOST)
    assert read(module, "settle", sid=5, offsets=[1, [3, 4]]) == Settle(5, [1, (3, 4)])
    assert read(module, "settle", outcome="retry", after=1.5) == Settle(1, [], "retry", 1.5)
    assert read(module, "settle", outcome="reject", after=2) == Settle(1, [], "reject", 2.0)


@pytest.mark.parametrize("op", LEAST)
def test_members_that_are_not_known_are_ignored(module: Any, op: str) -> None:
    assert read(module, op, later=[{"a": 1}], start="x") is not None


def test_an_absent_id_is_empty(module: Any) -> None:
    for op in REQUESTS:
        assert bytes(AskReader(module).read(op, b"", module.encode(LEAST[op])).id) == b""


@pytest.mark.parametrize(
    "field, values",
    [
        ("types", [None, "a", {}, [], [5], [None], [""], ["a" * (MOST_PATTERN + 1)], ["a"] * (MOST_PATTERNS + 1)]),
        ("filters", ["x", 5, True, {"exact": {"id": "1"}}]),
        ("from", [None, True, 1.5, [], {}, -1, MOST + 1, 2**64 - 1, "x" * (MOST_PLACE + 1)]),
        ("epoch", [5, [], True]),
        ("credit", ["5", -1, 1.5, True, [], MOST + 1]),
        ("name", ["", 5, True, [], "a b", "a\n", "ü", "-a", ".a", 'a"', "a" * (MOST_NAME + 1)]),
    ],
)
def test_a_subscription_with_a_field_of_the_wrong_kind_is_declined(module: Any, field: str, values: list[Any]) -> None:
    for value in values:
        error = refused(module, "subscribe", **{field: value})
        assert isinstance(error, Declined)
        assert (error.id, error.reason) == (b"the id", "invalid_subscription")
        assert isinstance(error.error, InvalidSubscription)
        assert error.message.startswith("subscribe: ")


@pytest.mark.parametrize("op", ["subscribe", "presence"])
def test_what_is_just_within_the_bounds_is_read(module: Any, op: str) -> None:
    types = ["a" * MOST_PATTERN] * MOST_PATTERNS
    assert read(module, op, types=types).types == types


def test_a_place_and_a_name_just_within_the_bounds_are_read(module: Any) -> None:
    for start in (0, MOST, "", "x" * MOST_PLACE):
        assert read(module, "subscribe", **{"from": start}).start == start
    for name in ("a", "_", "0", "a.b-c_d", "a" * MOST_NAME):
        assert read(module, "subscribe", name=name).name == name


@pytest.mark.parametrize(
    "op, fields",
    [
        ("unsubscribe", {"sid": None}),
        ("unsubscribe", {"sid": "1"}),
        ("unsubscribe", {"sid": 1.5}),
        ("presence", {"types": []}),
        ("presence", {"types": None}),
        ("presence", {"types": [""]}),
    ],
)
def test_other_requests_are_declined_too(module: Any, op: str, fields: dict[str, Any]) -> None:
    assert isinstance(refused(module, op, **fields), Declined)


@pytest.mark.parametrize(
    "op, fields",
    [
        ("credit", {"sid": None}),
        ("credit", {"n": 0}),
        ("credit", {"n": -1}),
        ("credit", {"n": MOST + 1}),
        ("credit", {"n": None}),
        ("credit", {"n": 1.5}),
        ("credit", {"n": True}),
        ("settle", {"sid": None}),
        ("settle", {"sid": "1"}),
        ("settle", {"offsets": None}),
        ("settle", {"offsets": 5}),
        ("settle", {"offsets": ["1"]}),
        ("settle", {"offsets": [1.5]}),
        ("settle", {"offsets": [None]}),
        ("settle", {"offsets": [[]]}),
        ("settle", {"offsets": [[1]]}),
        ("settle", {"offsets": [[1, 2, 3]]}),
        ("settle", {"offsets": [[1, "2"]]}),
        ("settle", {"offsets": [[[1, 2], 3]]}),
        ("settle", {"outcome": None}),
        ("settle", {"outcome": "lost"}),
        ("settle", {"outcome": 1}),
        ("settle", {"after": -0.5}),
        ("settle", {"after": MOST * 2}),
        ("settle", {"after": "1"}),
        ("settle", {"after": True}),
    ],
)
def test_what_has_no_answer_is_malformed(module: Any, op: str, fields: dict[str, Any]) -> None:
    error = refused(module, op, **fields)

    assert isinstance(error, MalformedInput)
    assert error.message.startswith(f"{op}: ")


@pytest.mark.parametrize("after", [math.nan, math.inf, -math.inf])
def test_a_pause_is_a_number(after: float) -> None:
    assert isinstance(refused(msgspec.msgpack, "settle", after=after), MalformedInput)


def test_numbers_that_no_machine_has_are_refused() -> None:
    # As JSON has them: msgpack has none of more than 64 bits.
    for number in (10**30, -(10**30), 10**400):
        assert isinstance(refused(msgspec.json, "credit", n=number), MalformedInput)
        assert isinstance(refused(msgspec.json, "settle", after=number), MalformedInput)
        assert isinstance(refused(msgspec.json, "subscribe", credit=number), Declined)
        assert isinstance(refused(msgspec.json, "subscribe", **{"from": number}), Declined)
    digits = b"1" + b"0" * 10_000
    with pytest.raises(MalformedInput):
        AskReader(msgspec.json).read("settle", b"", b'{"sid":1,"offsets":[[0,%b]]}' % digits)
    with pytest.raises(Declined):
        AskReader(msgspec.json).read("unsubscribe", b"", b'{"sid":%b}' % digits)


@pytest.mark.parametrize("depth", [200, 100_000])
def test_filters_without_end_are_read_or_declined(module: Any, depth: int) -> None:
    deep = b"[" * depth + b"]" * depth if module is msgspec.json else b"\x91" * depth + b"\x90"
    data = module.encode({"types": ["a"], "filters": msgspec.Raw(deep)})
    try:
        assert AskReader(module).read("subscribe", b"", data).filters
    except Declined:
        assert depth > 200


@pytest.mark.parametrize("key", [b"\x80", b"\x81\x01\x01", b"\x91\x80", b"\xd4\x05\x01", b"\xc0", b"\xc4\x01a"])
def test_filters_whose_keys_are_none_are_read_or_declined(key: bytes) -> None:
    data = msgspec.msgpack.encode({"types": ["a"], "filters": msgspec.Raw(b"\x91\x81" + key + b"\x01")})
    try:
        assert len(AskReader(msgspec.msgpack).read("subscribe", b"", data).filters) == 1
    except Declined as error:
        assert "hashable" in error.message  # noqa: PT017 - it may be read as well


@pytest.mark.parametrize("op", LEAST)
def test_a_message_that_is_too_long_is_refused_unread(module: Any, op: str) -> None:
    with pytest.raises(TooLarge):
        AskReader(module).read(op, b"", b"x" * (MOST_BYTES + 1))
    with pytest.raises((Declined, MalformedInput)):
        AskReader(module).read(op, b"", b"x" * MOST_BYTES)


def test_little_of_what_a_client_wrote_is_told_back(module: Any) -> None:
    error = refused(module, "settle", outcome="x" * 10_000)

    assert MOST_TOLD / 2 < len(error.message) <= MOST_TOLD


WHOLE = st.integers(-(2**63), 2**64 - 1) | st.integers(-2, 2) | st.integers(MOST - 2, MOST + 2)
ODD = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3) | WHOLE


@pytest.mark.parametrize("module", MODULES, ids=["json", "msgpack"])
@given(number=WHOLE)
def test_any_number_is_read_where_it_is_within_the_bounds(module: Any, number: int) -> None:
    def reads(op: str, **fields: Any) -> bool:
        try:
            read(module, op, **fields)
        except ClientError:
            return False
        return True

    assert reads("credit", n=number) is (1 <= number <= MOST)
    assert reads("subscribe", credit=number) is (0 <= number <= MOST)
    assert reads("subscribe", **{"from": number}) is (0 <= number <= MOST)
    assert reads("settle", after=number) is (0 <= float(number) <= MOST)
    assert reads("settle", offsets=[number, [number, number]])
    assert reads("unsubscribe", sid=number)


@pytest.mark.parametrize("module", MODULES, ids=["json", "msgpack"])
@given(st.sampled_from(list(LEAST)), st.data())
def test_any_fields_are_read_or_refused(module: Any, op: str, data: st.DataObject) -> None:
    # Members of unions with bounds have crashed the decoder: whatever comes must be one of the two.
    value = ODD | st.lists(ODD | st.lists(ODD, max_size=3), max_size=3) | st.dictionaries(st.text(max_size=3), ODD)
    fields = {name: data.draw(value) for name in OPS[op].fields if data.draw(st.booleans())}
    found: Any
    try:
        found = AskReader(module).read(op, b"7", module.encode(fields))
    except (Declined, MalformedInput) as error:
        found = error
    if isinstance(found, Declined):
        assert op in REQUESTS and found.id == b"7"
    else:
        assert op in TELLINGS if isinstance(found, MalformedInput) else type(found).__name__.lower() == op


@pytest.mark.parametrize("op", ["subscribe", "presence"])
def test_a_pattern_of_too_many_tokens_is_declined(op: str) -> None:
    told = {"op": op, "id": 1, "types": [".".join("a" * 17)]}
    with pytest.raises(Declined, match="more than 16 tokens"):
        JSON.read(Message(True, msgspec.json.encode(told)), {}, Limits())
