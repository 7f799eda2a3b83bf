"""The reference page of the commands."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from eventd.cli import COMMANDS, main, page

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_what_the_commands_say() -> None:
    assert (ROOT / "docs/commands.md").read_text() == page.markdown()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_overview_says_what_the_command_says(name: str) -> None:
    command = main.get_command(click.Context(main), name)

    assert command is not None
    assert command.name == name
    assert (command.help or "").startswith(COMMANDS[name].summary.removesuffix("."))


def test_every_command_has_an_example() -> None:
    sections = page.markdown().split("\n## eventd ")[2:]

    assert len(sections) > len(COMMANDS)
    assert [section.splitlines()[0] for section in sections if "\n  Example" not in section] == []
