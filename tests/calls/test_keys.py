"""An event's key: what stands in an attribute or in the payload, whatever that looks like."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from eventd.calls.keys import key_of
from eventd.event import Event


class Payload(msgspec.Struct, rename={"sensor": "sensorName"}):
    sensor: str
    deep: dict[str, int]


@pytest.mark.parametrize(
    ("order_by", "key"),
    [
        ("subject", "s"),
        ("type", "a.b"),
        ("colour", None),
        ("*", None),
        ("data.n", 1),
        ("data.deep.er", "x"),
        ("data.deep.missing", None),
        ("data.n.er", None),
    ],
)
def test_a_key_is_what_stands_there(order_by: str, key: Any) -> None:
    event = Event("a.b", {"n": 1, "deep": {"er": "x"}}, subject="s")
    found = key_of(order_by)

    assert found is not None
    assert found(event) == key


def test_no_order_no_key() -> None:
    assert key_of(None) is None


def test_a_declared_payload_is_looked_at_by_the_names_that_it_is_written_with() -> None:
    event = Event("a", Payload("x", {"er": 3}))
    by_name, by_attribute, deep = key_of("data.sensorName"), key_of("data.sensor"), key_of("data.deep.er")

    assert by_name is not None and by_attribute is not None and deep is not None
    assert (by_name(event), by_attribute(event), deep(event)) == ("x", None, 3)


@pytest.mark.parametrize("value", [[1, 2], {"a": [1]}, float("nan"), None, "", b"\xff"])
def test_whatever_the_value_it_is_a_key(value: Any) -> None:
    found = key_of("data.k")

    assert found is not None
    hash(found(Event("a", {"k": value})))
