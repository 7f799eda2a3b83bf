"""The settings that plugins have in common."""

from __future__ import annotations

import pytest

from eventd.config.settings_plugins import EVENT_TYPE, HANDLER, SERVICE, SOURCE
from eventd.config.table import Section


@pytest.mark.parametrize("section", [EVENT_TYPE, HANDLER, SOURCE, SERVICE], ids=lambda section: section.name)
def test_every_kind_can_be_disabled_and_takes_own_keys(section: Section) -> None:
    assert section.setting("enabled") is not None
    assert section.named
    assert section.plugin


def test_event_types_have_what_handlers_have_and_whether_they_are_durable() -> None:
    more = [setting.key for setting in EVENT_TYPE.settings if setting not in HANDLER.settings]
    assert more == ["durable"]
    assert [setting for setting in EVENT_TYPE.settings if setting.key not in more] == list(HANDLER.settings)
