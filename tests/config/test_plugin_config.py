"""A plugin's own keys, from text to its Config."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
import pytest

from eventd.config import Duration, NoConfig, OwnKeys, Place, Size, plugin_config
from eventd.errors import ConfigurationError


class Config(msgspec.Struct):
    directory: Path
    secret: str = ""
    keep: int = 3
    types: tuple[str, ...] = (">",)
    ports: list[int] = []
    compress: bool = True
    every: Duration = 60.0
    size: Size | None = None
    mode: Literal["fast", "safe"] = "fast"


class Checked(msgspec.Struct):
    low: int = 0
    high: int = 1

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is over high")


def own(**keys: str) -> OwnKeys:
    places = {key: Place("f.ini", line) for line, key in enumerate(keys, 11)}
    return OwnKeys(keys, section="handler:x", place=Place("f.ini", 10), places=places)


def faults(keys: OwnKeys, cls: type[msgspec.Struct]) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        plugin_config(keys, cls)
    return [str(fault) for fault in caught.value.faults]


def test_each_kind_is_converted(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("hunter2\n")
    keys = own(directory="/x", secret=f"file:{tmp_path}/s", keep="5", types="a.>, b", ports="1,2", compress="no",
               every="5m", size="1M", mode="safe")  # fmt: skip

    assert plugin_config(keys, Config) == Config(
        Path("/x"), "hunter2", 5, ("a.>", "b"), [1, 2], False, 300.0, 1 << 20, "safe"
    )


def test_what_is_not_set_has_the_plugins_default() -> None:
    assert plugin_config({"directory": "/x"}, Config) == Config(Path("/x"))
    assert plugin_config(own(directory="/x", size=""), Config).size is None


def test_every_fault_at_once_with_file_and_line() -> None:
    assert faults(
        own(keeep="1", keep="many", compress="maybe", every="5 apples", ports="1,x", mode="slow"), Config
    ) == [
        "f.ini:11: [handler:x] has no keeep; did you mean keep?",
        "f.ini:12: keep: 'many' is not a whole number",
        "f.ini:13: compress: 'maybe' is neither yes nor no",
        "f.ini:14: every: '5 apples' is not a duration: write 500ms, 5s, 10m, 2h, 7d or 1h30m",
        "f.ini:15: ports: '1,x' is not a list of whole numbers",
        "f.ini:16: mode: Invalid enum value 'slow'",
        "f.ini:10: [handler:x] needs directory",
    ]


def test_a_mistyped_common_key_is_told_with_the_near_one() -> None:
    assert faults(own(batchsize="5"), NoConfig) == ["f.ini:11: [handler:x] has no batchsize; did you mean batch_size?"]


def test_what_the_config_itself_finds() -> None:
    assert plugin_config(own(low="0"), Checked) == Checked()
    assert faults(own(low="5"), Checked) == ["f.ini:10: [handler:x] low is over high"]


def test_a_secret_that_cannot_be_read() -> None:
    assert faults(own(directory="/x", secret="file:/no/such"), Config) == [
        "f.ini:12: secret: file:/no/such cannot be read: No such file or directory"
    ]
