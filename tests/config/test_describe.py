"""What a plugin's Config declares, in the words of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
import pytest

from eventd.config import Duration, OwnKeys, Size, plugin_config
from eventd.config.describe import OwnSetting, describe


class Config(msgspec.Struct):
    directory: Path
    size: Size = 1 << 20
    every: Duration = 60.0
    often: Duration = 0.25
    never: Duration = 0.0
    most: Size | None = None
    compress: bool = True
    types: tuple[str, ...] = ("a.>", "b")
    ports: list[int] = msgspec.field(default_factory=lambda: [1, 2])
    name: str | None = None
    mode: Literal["fast", "safe"] = "fast"
    share: float = 0.5


SETTINGS = [
    OwnSetting("directory", "path", None),
    OwnSetting("size", "size", "1M"),
    OwnSetting("every", "duration", "1m"),
    OwnSetting("often", "duration", "0.25s"),
    OwnSetting("never", "duration", "0"),
    OwnSetting("most", "size", ""),
    OwnSetting("compress", "yes or no", "yes"),
    OwnSetting("types", "list", "a.>, b"),
    OwnSetting("ports", "list", "1, 2"),
    OwnSetting("name", "text", ""),
    OwnSetting("mode", "fast or safe", "fast"),
    OwnSetting("share", "number", "0.5"),
]


@pytest.mark.parametrize(("setting", "expected"), list(zip(describe(Config), SETTINGS, strict=True)))
def test_each(setting: OwnSetting, expected: OwnSetting) -> None:
    assert setting == expected


def test_a_described_default_written_to_a_file_is_the_default() -> None:
    written = OwnKeys({setting.key: setting.default or "" for setting in describe(Config)} | {"directory": "/d"})

    assert plugin_config(written, Config) == Config(Path("/d"))
