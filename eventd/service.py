"""Runs the daemon as a process: logging, signals, and its end."""

from __future__ import annotations

import faulthandler
import logging
import signal

from eventd import green
from eventd.config.options import Configuration
from eventd.daemon import GRACE, Daemon
from eventd.observe.logging import LogWriter
from eventd.plugin.registry import Registry
from eventd.process import allow_open_files, refuse_exit

__all__ = ["main"]

log = logging.getLogger("eventd.daemon")


def main(configuration: Configuration) -> int:
    """Run the daemon until a signal ends it; the exit code for the shell.

    :raises ConfigurationError: when an address or a certificate cannot be had.
    :raises EventdError: when it cannot start for another reason.
    """
    writer = LogWriter(configuration.eventd.log_level, configuration.eventd.log_format)
    writer.start()
    # What a crash, or systemd's watchdog, interrupts is told on standard error.
    faulthandler.enable()
    try:
        allow_open_files()
        refuse_exit()
        green.install()
        return green.run(lambda: _serve(configuration))
    finally:
        writer.stop()


def _hung_up() -> None:
    """Others take SIGHUP for "read your configuration again"; left alone, it would end the daemon unasked."""
    log.warning("SIGHUP changes nothing: the configuration is read at the start only")


def _serve(configuration: Configuration) -> int:
    registry = Registry.load(configuration)
    for _, error in registry.failed:
        log.error("a plugin cannot be used: %s", error)
    daemon = Daemon(configuration, registry)
    # A signal that comes while parts still start is heeded when all of them can be stopped.
    asked = green.Signal()

    def end() -> None:
        if asked.is_set():
            # Somebody asks again, and does not want to wait.
            faulthandler.dump_traceback_later(GRACE, exit=True)
            daemon.hurry()
        asked.set()

    signals = green.Signals({signal.SIGTERM: end, signal.SIGINT: end, signal.SIGHUP: _hung_up})
    try:
        daemon.start()
        asked.wait()
    finally:
        # Not even a plugin that holds the event loop keeps the process: what was acknowledged is in the journal.
        faulthandler.dump_traceback_later(configuration.eventd.stop_timeout + GRACE, exit=True)
        daemon.stop()
        faulthandler.cancel_dump_traceback_later()
        signals.close()
    return 0
