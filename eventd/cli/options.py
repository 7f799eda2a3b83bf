"""What the commands share: ``-c`` and ``-o``, and the configuration that they name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
import msgspec

from eventd.config import reader
from eventd.config.merge import Merged
from eventd.config.options import Configuration
from eventd.errors import Fault

__all__ = ["OWN", "SYSTEM", "Settings", "configured"]

#: Where eventd.ini and conf.d are, for whoever names no file by ``-c``.
SYSTEM = Path("/etc/eventd")
#: A virtual environment may have its own: the commands in it then find the daemon that runs from it.
OWN = Path(sys.prefix, "etc/eventd")


class Settings(msgspec.Struct, frozen=True):
    """Where the configuration is; it is read when a command asks for it."""

    files: tuple[Path, ...]
    conf_dir: Path | None
    overrides: tuple[str, ...]

    @classmethod
    def of(cls, files: tuple[str, ...], overrides: tuple[str, ...]) -> Settings:
        """The named files and nothing else; where none is named, the virtual environment's, else the system's."""
        if files:
            return cls(tuple(map(Path, files)), None, overrides)
        directory = OWN if OWN.is_dir() else SYSTEM
        file = directory / "eventd.ini"
        return cls((file,) if file.exists() else (), directory / "conf.d", overrides)

    def load(self) -> Configuration:
        """The configuration.

        :raises ConfigurationError: with all that is wrong.
        """
        return reader.load(self.files, self.conf_dir, self.overrides)

    def examine(self) -> tuple[Configuration, list[Fault]]:
        """The configuration as far as it is right, and all that is wrong."""
        return reader.examine(self.files, self.conf_dir, self.overrides)

    def merged(self) -> Merged:
        """The text of all settings, before any is converted."""
        return reader.read_all(self.files, self.conf_dir, self.overrides)


def configured(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``-c`` and ``-o``; it gets a ``Settings`` as its first argument."""

    @click.option(
        "-c",
        "--config",
        "files",
        metavar="FILE",
        multiple=True,
        help=f"Read this file, not {SYSTEM}/eventd.ini and conf.d; may be given several times.",
    )
    @click.option(
        "-o",
        "--option",
        "overrides",
        metavar="SECTION.KEY=VALUE",
        multiple=True,
        help="Set one setting, over the files; may be given several times.",
    )
    @wraps(function)
    def command(*args: Any, files: tuple[str, ...], overrides: tuple[str, ...], **kwargs: Any) -> Any:
        return function(Settings.of(files, overrides), *args, **kwargs)

    return command  # fmt: skip
