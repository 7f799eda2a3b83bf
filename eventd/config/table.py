"""What a row of the table of settings is. The rows themselves are in the ``settings`` modules."""

from __future__ import annotations

import msgspec

from .values import Kind

__all__ = ["Section", "Setting"]


class Setting(msgspec.Struct, frozen=True):
    """One key: ``default`` is text as a file would have it, or ``None`` where ``unset`` says what holds."""

    key: str
    kind: Kind
    default: str | None
    help: str
    unset: str = ""


class Section(msgspec.Struct, frozen=True):
    """The settings of one section; it is written ``[name:NAME]`` where ``named``.

    ``examples`` are the names with which the shipped file shows it. Where ``plugin``,
    the plugin's own keys may stand beside those of the table.
    """

    name: str
    help: str
    settings: tuple[Setting, ...]
    named: bool = False
    examples: tuple[str, ...] = ()
    plugin: bool = False

    @property
    def title(self) -> str:
        """How the section is written in a file."""
        return f"{self.name}:NAME" if self.named else self.name

    def setting(self, key: str) -> Setting | None:
        """The setting with this key, if the section has one."""
        return next((setting for setting in self.settings if setting.key == key), None)
