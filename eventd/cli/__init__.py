"""The ``eventd`` command: one file for each of its commands, imported when it is called.

Exit codes: 0 done, 1 failed, 2 wrong usage, 78 a configuration that cannot be used.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, NamedTuple, NoReturn

import click

from eventd.errors import ConfigurationError, EventdError

__all__ = ["COMMANDS", "main"]

EX_FAILED = 1
#: The configuration cannot be used (sysexits.h).
EX_CONFIG = 78


class _Entry(NamedTuple):
    """Where a command is, and the line about it that the overview shows without importing it."""

    module: str
    summary: str


COMMANDS: dict[str, _Entry] = {
    "check": _Entry("eventd.cli.check", "Tell everything that is wrong with the configuration."),
    "config": _Entry("eventd.cli.config", "Print the configuration, its defaults or its reference page."),
    "dead": _Entry("eventd.cli.dead", "Look after dead letters: events that a handler gave up."),
    "handlers": _Entry("eventd.cli.handlers", "Tell how handlers and durable subscriptions do, pause and resume them."),
    "journal": _Entry("eventd.cli.journal", "Check, print, copy and shorten the journal."),
    "plugins": _Entry("eventd.cli.plugins", "Tell which plugins are installed."),
    "replay": _Entry("eventd.cli.replay", "Run events of the journal through a handler once more."),
    "run": _Entry("eventd.cli.run", "Run the daemon in the foreground."),
    "send": _Entry("eventd.cli.send", "Send an event, or a file of them, to the daemon."),
    "status": _Entry("eventd.cli.status", "Tell how the daemon is."),
    "tail": _Entry("eventd.cli.tail", "Print events as they come in."),
    "top": _Entry("eventd.cli.top", "Show live how fast the daemon works."),
}


class _Failure(click.ClickException):
    """What is told on stderr before the command ends."""

    def __init__(self, error: EventdError, exit_code: int) -> None:
        super().__init__(error.message)
        self.exit_code = exit_code  # type: ignore[misc]  # click reads it from the instance
        self._hint = error.hint

    def show(self, file: Any = None) -> None:
        """Print each line of the message, and the hint below."""
        for line in self.message.splitlines():
            click.echo(f"eventd: {line}", err=True)
        if self._hint:
            click.echo(f"  hint: {self._hint}", err=True)


class _Commands(click.Group):
    """Imports a command when it is called, and turns our errors into exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = importlib.import_module(entry.module).command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(f"No such command {args[0]!r}{self._meant(ctx, args[0])}", ctx) from error

    def _meant(self, ctx: click.Context, name: str) -> str:
        """An end for the message: the groups that have such a command, else the command of the nearest name."""
        # Only who mistypes pays for the imports.
        groups = {group: self.get_command(ctx, group) for group in self.list_commands(ctx)}
        having = [group for group, found in groups.items() if isinstance(found, click.Group) and name in found.commands]
        if having:
            return f"; did you mean {' or '.join(f'eventd {group} {name}' for group in having)}?"
        from eventd.config.nearest import did_you_mean

        return did_you_mean(name, COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in sorted(COMMANDS.items())])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except ConfigurationError as error:
            raise _Failure(error, EX_CONFIG) from error
        except EventdError as error:
            raise _Failure(error, EX_FAILED) from error
        except BrokenPipeError:
            _end_quietly(ctx)
        return result


def _end_quietly(ctx: click.Context) -> NoReturn:
    """Whoever reads our output has enough: nothing more is written, and nothing is wrong."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    ctx.exit(0)


def _print_version(ctx: click.Context, option: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from eventd import __version__

        click.echo(f"eventd {__version__}")
        ctx.exit()


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version, help="Print the version."
)
def main() -> None:
    """The event daemon of Python teams.

    Each command tells more, with an example: eventd COMMAND --help
    """
