"""``docs/commands.md``: the reference page of all commands, made from their own help.

``python -m eventd.cli.page`` prints it.
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from eventd.cli import main

__all__ = ["markdown"]

_HEAD = """\
# Commands

This page is made from the commands' own help: `python -m eventd.cli.page`.

Every command that reads the configuration or talks to the daemon takes `-c` and `-o`
(see [configuration](configuration.md)). The daemon is found by its socket, `eventd.sock` in
`eventd.run_dir`: whoever may open that socket may administrate the daemon.

| exit code | means |
|---|---|
| 0 | done |
| 1 | failed: stderr says why, and what may help |
| 2 | wrong usage |
| 78 | the configuration cannot be used: stderr has every fault, with file and line |

Colours are for terminals only. In a pipe `eventd tail` prints JSON lines.
A table leaves out columns for which the window is too narrow, and says which; in a pipe it has all.
"""


_WIDTH = 100


def markdown() -> str:
    """The page."""
    return _HEAD + "".join(_sections(main, _context(main, "eventd", None)))


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    # A fixed width: the page must not depend on the window in which it was made.
    return click.Context(command, info_name=name, parent=parent, terminal_width=_WIDTH, **main.context_settings)


def _sections(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"\n## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None:
                yield from _sections(child, _context(child, name, context))


if __name__ == "__main__":
    click.echo(markdown(), nl=False)
