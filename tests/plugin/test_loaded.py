"""What is checked of a plugin beyond what the registry's tests name."""

from __future__ import annotations

import pytest

from eventd.errors import PluginError
from eventd.plugin.loaded import OFFERS, config_of, constructor, event_types
from tests.plugin import samples


def test_a_class_is_a_sequence_of_one() -> None:
    assert event_types(samples.Silent) == [samples.Silent]
    assert event_types([samples.Silent, samples.Reading]) == [samples.Silent, samples.Reading]


def test_the_base_class_is_no_event_type() -> None:
    with pytest.raises(PluginError, match="not a subclass"):
        event_types(samples.Event)


def test_a_class_without_a_constructor_wants_nothing() -> None:
    function, given, owner = constructor(samples.Hook)

    function()
    assert (given, owner) == (0, samples.Hook)


def test_a_plugin_without_config_has_an_empty_one() -> None:
    assert config_of(samples.Hook).__struct_fields__ == ()


def test_each_kind_has_its_offers() -> None:
    assert set(OFFERS) == {"event_type", "handler", "source", "webhook", "service"}
