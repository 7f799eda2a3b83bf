"""``eventd check``: everything that is wrong, before the daemon is started or reloaded."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import click

from eventd.cli.options import Settings, configured
from eventd.config.options import Configuration, ListenerOptions
from eventd.errors import ConfigurationError, Fault
from eventd.plugin.registry import Registry

__all__ = ["command"]

#: Settings that are for worker processes alone, and their values that ask for nothing. ``poison_limit`` is none of
#: them: the daemon may die of an event, too.
_OF_WORKERS = {"workers": 1, "memory_limit": 0}


@click.command("check")
@configured
def command(settings: Settings) -> None:
    """Tell everything that is wrong with the configuration.

    Files, settings, certificates and plugins are looked at; nothing is started.
    Exits with 78 when anything is wrong. Settings without effect are told, too, and are not wrong.

    \b
    Example:
      eventd check -c eventd.ini && sudo systemctl restart eventd
    """
    configuration, faults = settings.examine()
    faults += _certificate_faults(configuration)
    registry = Registry.load(configuration)
    faults += _plugin_faults(registry)
    for warning in dict.fromkeys(_without_effect(settings, registry)):
        click.echo(f"eventd: warning: {warning}", err=True)
    if faults:
        raise ConfigurationError(faults)
    listeners = ", ".join(f"{name} at {options.bind}" for name, options in configuration.listeners.items())
    click.echo(f"The configuration is good: {len(registry.loaded)} plugins; listeners: {listeners or 'none'}.")


def _certificate_faults(configuration: Configuration) -> Iterator[Fault]:
    for name, options in configuration.listeners.items():
        if options.tls_cert and options.tls_key:
            yield from _tls_faults(f"listener:{name}", options)


def _tls_faults(section: str, options: ListenerOptions) -> Iterator[Fault]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(options.tls_cert or "", options.tls_key)
    except (OSError, ssl.SSLError) as error:
        yield Fault(f"[{section}] tls_cert {options.tls_cert} with tls_key {options.tls_key}: {_why(error)}")
    if options.tls_client_ca:
        try:
            context.load_verify_locations(options.tls_client_ca)
        except (OSError, ssl.SSLError) as error:
            yield Fault(f"[{section}] tls_client_ca {options.tls_client_ca}: {_why(error)}")


def _why(error: OSError) -> str:
    reason = getattr(error, "reason", None)
    return str(reason or error.strerror or error)


def _without_effect(settings: Settings, registry: Registry) -> Iterator[Fault]:
    """Settings for workers, of plugins that have none."""
    written = settings.merged().sections
    for loaded in registry.loaded:
        section = loaded.options.section
        for key, nothing in _OF_WORKERS.items():
            if loaded.run != "process" and getattr(loaded.options, key) != nothing:
                place = written[section][key].place
                told = f"[{section}] {key} has no effect without run = process: it runs in the daemon ({loaded.run})"
                yield Fault(told, place.file, place.line)


def _plugin_faults(registry: Registry) -> Iterator[Fault]:
    for _, error in registry.failed:
        if isinstance(error.__cause__, ConfigurationError):
            yield from error.__cause__.faults  # these have their file and line
        else:
            yield Fault(str(error))
