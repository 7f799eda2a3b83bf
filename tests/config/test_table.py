"""A row of the table."""

from __future__ import annotations

from eventd.config.table import Section, Setting
from eventd.config.values import TEXT

SETTING = Setting("key", TEXT, None, "Help.", unset="nothing")


def test_how_a_section_is_written() -> None:
    assert Section("a", "Help.", ()).title == "a"
    assert Section("a", "Help.", (), named=True).title == "a:NAME"


def test_a_setting_by_its_key() -> None:
    section = Section("a", "Help.", (SETTING,))

    assert section.setting("key") is SETTING
    assert section.setting("other") is None
