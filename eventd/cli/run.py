"""``eventd run``: the daemon, in the foreground."""

from __future__ import annotations

import sys

import click

from eventd.cli.options import Settings, configured

__all__ = ["command"]


@click.command("run")
@configured
def command(settings: Settings) -> None:
    """Run the daemon in the foreground.

    SIGTERM and SIGINT stop it: it finishes what it has taken in first.

    \b
    Example:
      eventd run -c eventd.ini -o eventd.log_level=debug
    """
    configuration = settings.load()
    # Only this command pays for the import of all parts.
    from eventd.service import main

    sys.exit(main(configuration))
