"""The table: it has what the structs have, each default is valid, each setting has its help."""

from __future__ import annotations

import msgspec
import pytest

from eventd.config import EventdOptions, JournalOptions, LimitOptions, ListenerOptions, PluginOptions
from eventd.config.settings import PLUGIN_KINDS, TABLE, section_named
from eventd.config.table import Section, Setting

SETTINGS = [(section, setting) for section in TABLE for setting in section.settings]


@pytest.mark.parametrize(("section", "setting"), SETTINGS, ids=lambda item: getattr(item, "key", ""))
def test_each_setting(section: Section, setting: Setting) -> None:
    assert setting.help.endswith(".")
    if setting.default is None:
        assert setting.unset
    else:
        setting.kind.parse(setting.default)


@pytest.mark.parametrize(
    ("name", "cls", "besides"),
    [
        ("eventd", EventdOptions, set()),
        ("journal", JournalOptions, set()),
        ("limits", LimitOptions, set()),
        ("listener", ListenerOptions, {"enabled"}),
    ],
)
def test_the_structs_have_what_the_table_has(name: str, cls: type[msgspec.Struct], besides: set[str]) -> None:
    section = section_named(name)

    assert section is not None
    assert {setting.key for setting in section.settings} - besides == set(cls.__struct_fields__)


def test_the_keys_of_plugins() -> None:
    fields = set(PluginOptions.__struct_fields__)

    for section in TABLE:
        if section.plugin:
            assert {setting.key for setting in section.settings} <= fields


def test_sections_by_name() -> None:
    assert section_named("nope") is None
    assert PLUGIN_KINDS == ("event_type", "handler", "source", "service")
