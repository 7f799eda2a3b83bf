"""The configuration as the rest of the program sees it."""

from __future__ import annotations

import msgspec

from eventd.config import OwnKeys, Place, load


def test_own_keys_are_a_dict_that_knows_places() -> None:
    own = OwnKeys({"a": "1"}, section="handler:x", place=Place("f", 1), places={"a": Place("f", 2)})

    assert own == {"a": "1"}
    assert (own.section, own.place, own.places["a"]) == ("handler:x", Place("f", 1), Place("f", 2))


def test_a_plugin_with_a_section_has_that() -> None:
    configuration = load(overrides=["handler:x.attempts=9"])

    assert configuration.plugin("handler", "x") is configuration.plugins["handler", "x"]
    assert configuration.plugin("handler", "x").attempts == 9
    assert configuration.plugin("event_type", "x").attempts == 5


def test_every_plugin_is_durable_but_the_event_types_that_say_otherwise() -> None:
    configuration = load(overrides=["event_type:x.durable=no"])

    assert not configuration.plugin("event_type", "x").durable
    assert configuration.plugin("event_type", "y").durable
    assert configuration.plugin("handler", "x").durable


def test_a_part_can_be_replaced_for_a_test() -> None:
    journal = load().journal

    assert msgspec.structs.replace(journal, fsync=False).fsync is False
