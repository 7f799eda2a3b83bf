"""R1 to R6: what every event must keep to, whatever it came in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from eventd.errors import InvalidEvent
from eventd.event import UNSET
from eventd.formats import rules
from tests.support.cloudevents import attributes, plain


def refused(**changed: Any) -> str:
    """The attribute for which an otherwise good event is refused."""
    members = plain(data=UNSET) | changed
    members = {name: value for name, value in members.items() if value is not UNSET}
    with pytest.raises(InvalidEvent) as caught:
        rules.check(members)
    assert caught.value.message
    return caught.value.attribute


def accepted(**changed: Any) -> None:
    members = plain(**changed)
    members.pop("data")
    rules.check(members)


@given(attributes())
def test_any_valid_event_is_accepted(found: dict[str, Any]):
    rules.check({"specversion": "1.0", **found})


@pytest.mark.parametrize("name", ["id", "source", "specversion", "type"])
def test_r1_required_attributes_are_there(name: str):
    assert refused(**{name: UNSET}) == name


@pytest.mark.parametrize("name", ["id", "source", "specversion", "type"])
@pytest.mark.parametrize("value", ["", None, 25, True, 1.5, [], {}])
def test_r1_required_attributes_are_strings_and_not_empty(name: str, value: Any):
    assert refused(**{name: value}) == name


@pytest.mark.parametrize("version", ["0.3", "0.9", "1", "1.0.2", "2.0", 1.0])
def test_r1_only_version_1_0_is_known(version: Any):
    assert refused(specversion=version) == "specversion"


@pytest.mark.parametrize(
    "name", ["Upper", "with-dash", "with_underscore", "dot.ted", "ü", "", "data", "data_base64", "a\n"]
)
def test_r2_names_are_lower_case_letters_and_digits(name: str):
    assert refused(**{name: "x"}) == name


@pytest.mark.parametrize("name", ["a", "0", "comexampleext1", "x" * 500])
def test_r2_names_may_be_short_long_and_begin_with_a_digit(name: str):
    accepted(**{name: "x"})


@pytest.mark.parametrize("value", [1.5, [], {}, None, 2**31, -(2**31) - 1, object()])
def test_r3_values_are_of_the_type_system(value: Any):
    assert refused(ext=value) == "ext"


@pytest.mark.parametrize("value", ["", "x", True, False, 0, 2**31 - 1, -(2**31), b"\0"])
def test_r3_strings_booleans_integers_and_bytes_are(value: Any):
    accepted(ext=value)


@pytest.mark.parametrize(
    "character", ["\0", "\x1f", "\n", "\x7f", "\x9f", "\ufdd0", "\ufffe", "\uffff", "\U0010ffff", "\ud800"]
)
@pytest.mark.parametrize("name", ["id", "source", "type", "subject", "ext"])
def test_r4_no_control_characters_noncharacters_or_lone_surrogates(name: str, character: str):
    assert refused(**{name: f"a{character}b"}) == name


@pytest.mark.parametrize(
    "character", [" ", "ü", "€", "\xa0", "\u200b", "\u2028", "\ufffd", "😀", "\U000e0001", "\ue000"]
)
@pytest.mark.parametrize("name", ["id", "type", "subject", "ext"])
def test_r4_every_other_character_is_allowed(name: str, character: str):
    accepted(**{name: f"a{character}b"})


@pytest.mark.parametrize("value", ["", "2026-01-31", "2026-02-29T00:00:00Z", "yesterday", 5, None])
def test_r5_time_is_rfc_3339(value: Any):
    assert refused(time=value) == "time"


@pytest.mark.parametrize("value", ["xyz", "", "text/", "/json", "a/b/c", "text/plain; charset", "text /plain"])
def test_r6_datacontenttype_is_a_media_type(value: str):
    assert refused(datacontenttype=value) == "datacontenttype"


@pytest.mark.parametrize("value", ["", "schema", "/schema", "//example.com/x", "https://exa mple.com"])
def test_r6_dataschema_is_an_absolute_uri(value: str):
    assert refused(dataschema=value) == "dataschema"


@pytest.mark.parametrize("value", ["a b", "a:b:\n", "%zz", "ü", "#a#b", "1:2"])
def test_r6_source_is_a_uri_reference(value: str):
    assert refused(source=value) == "source"


@pytest.mark.parametrize("name", ["subject", "time", "datacontenttype", "dataschema"])
def test_r6_optional_attributes_are_not_empty(name: str):
    assert refused(**{name: ""}) == name


def test_long_values_are_checked_without_being_remembered():
    accepted(source="/" + "a" * 5000, type="t" * 5000)
    assert refused(source="/ " + "a" * 5000) == "source"


def test_one_attribute_can_be_checked_alone():
    rules.check_one("source", "/a")
    rules.check_one("ext", 5)
    with pytest.raises(InvalidEvent):
        rules.check_one("source", "")
    with pytest.raises(InvalidEvent):
        rules.check_one("Ext", "x")


def nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"k": value}
    return value


def test_payloads_may_be_nested_so_deep_and_no_deeper():
    assert not rules.too_deep(nested(rules.DEEPEST))
    assert rules.too_deep(nested(rules.DEEPEST + 1))
    assert not rules.too_deep("scalar")
    assert not rules.too_deep([[]] * 1000)


def test_the_nesting_of_keys_counts_too():
    key: Any = ()
    for _ in range(rules.DEEPEST + 1):
        key = (key,)
    assert rules.too_deep({key: 1})


def test_an_error_names_only_the_beginning_of_a_very_long_attribute():
    with pytest.raises(InvalidEvent) as caught:
        rules.check_one("X" * 1_000_000, "x")
    assert len(str(caught.value)) < 500
