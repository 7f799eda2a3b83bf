"""``eventd config``: the settings that hold, their defaults, their reference page."""

from __future__ import annotations

import click

from eventd.cli.options import Settings, configured
from eventd.config import render

__all__ = ["command"]


@click.group("config")
def command() -> None:
    """Print the configuration, its defaults or its reference page.

    \b
    Example:
      eventd config show -c eventd.ini
    """


@command.command("show")
@configured
def show(settings: Settings) -> None:
    """Print the settings that hold, and where each was set.

    Secrets are not shown. What is printed can be used as a file.

    \b
    Example:
      eventd config show -c eventd.ini -o journal.fsync=no
    """
    settings.load()  # tells what is wrong before anything is printed
    click.echo(render.show(settings.merged()), nl=False)


@command.command("defaults")
def defaults() -> None:
    """Print every setting at its default: the file as it is shipped.

    \b
    Example:
      eventd config defaults > eventd.ini
    """
    click.echo(render.ini(), nl=False)


@command.command("docs")
def docs() -> None:
    """Print the reference page of all settings, in Markdown.

    \b
    Example:
      eventd config docs > configuration.md
    """
    click.echo(render.markdown(), nl=False)
