"""What a plugin's Config declares, in the words of a file."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from eventd.config import Duration, OwnKeys, Size, plugin_config
from eventd.config.describe import OwnSetting, describe


class Config(msgspec.Struct):
    directory: Path
    size: Size = 1 << 20
    every: Duration = 1.0
    compress: bool = True
    types: tuple[str, ...] = ("a.>", "b")
    ports: list[int] = msgspec.field(default_factory=lambda: [1, 2])
    name: str | None = None


SETTINGS = [
    OwnSetting("directory", "Path", None),
    OwnSetting("size", "size", "1048576"),
    OwnSetting("every", "duration", "1"),
    OwnSetting("compress", "yes or no", "yes"),
    OwnSetting("types", "tuple[str, ...]", "a.>, b"),
    OwnSetting("ports", "list[int]", "1, 2"),
    OwnSetting("name", "str | None", ""),
]


@pytest.mark.parametrize(("setting", "expected"), list(zip(describe(Config), SETTINGS, strict=True)))
def test_each(setting: OwnSetting, expected: OwnSetting) -> None:
    assert setting == expected


def test_a_described_default_written_to_a_file_is_the_default() -> None:
    written = OwnKeys({setting.key: setting.default or "" for setting in describe(Config)} | {"directory": "/d"})

    assert plugin_config(written, Config) == Config(Path("/d"))
