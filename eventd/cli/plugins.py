"""``eventd plugins``: what is installed, and what of it can be used."""

from __future__ import annotations

import inspect
import json
from typing import Any

import click
import msgspec

from eventd.cli.options import Settings, configured
from eventd.config import render
from eventd.config.describe import describe
from eventd.config.merge import Merged
from eventd.config.nearest import did_you_mean
from eventd.errors import EventdError, NotFound
from eventd.plugin.loaded import Loaded
from eventd.plugin.registry import Registry

__all__ = ["command"]


@click.group("plugins")
def command() -> None:
    """Tell which plugins are installed.

    \b
    Example:
      eventd plugins list
    """


@command.command("list")
@configured
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_(settings: Settings, as_json: bool) -> None:
    """List the installed plugins, and what is wrong with those that cannot be used.

    The daemon need not run: the plugins are looked at here, with this configuration.

    \b
    Examples:
      eventd plugins list
      eventd plugins list --json | jq -r '.[].name'
    """
    rows = _overview(Registry.load(settings.load()))
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not rows:
        click.echo("No plugin is installed.")
        return
    # Slow to import, and JSON needs none of it.
    from eventd.cli.tables import console, print_table

    columns = ("kind", "name", "state", "package", "summary")
    print_table(console(), "Plugins", columns, [[row[column] for column in columns] for row in rows])


@command.command("show")
@configured
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def show(settings: Settings, name: str, as_json: bool) -> None:
    """Tell all about the plugins called NAME, which may be KIND:NAME, too, and which settings hold for them.

    \b
    Examples:
      eventd plugins show jsonl
      eventd plugins show handler:jsonl --json
    """
    registry = Registry.load(settings.load())
    found = [loaded for loaded in registry.loaded if name in (loaded.name, _full(loaded), loaded.options.section)]
    if not found:
        raise _unknown(registry, name)
    merged = settings.merged()
    details = [_details(loaded, merged) for loaded in found]
    if as_json:
        click.echo(json.dumps(details, indent=2, ensure_ascii=False))
    else:
        click.echo("\n\n".join(map(_text, details)))


def _overview(registry: Registry) -> list[dict[str, Any]]:
    rows = [
        {
            "kind": p.kind,
            "name": p.name,
            "state": "enabled",
            "package": f"{p.package} {p.version}".strip(),
            "summary": p.summary,
        }
        for p in registry.loaded
    ]
    rows += [_row(name, "disabled", "") for name in registry.disabled]
    rows += [_row(name, "failed", error.message) for name, error in registry.failed]
    return rows


def _row(full_name: str, state: str, summary: str) -> dict[str, Any]:
    kind, _, name = full_name.partition(":")
    return {"kind": kind, "name": name, "state": state, "package": "", "summary": summary}


def _full(loaded: Loaded) -> str:
    return f"{loaded.kind}:{loaded.name}"


def _unknown(registry: Registry, name: str) -> EventdError:
    for failed, error in registry.failed:
        if name in (failed, failed.partition(":")[2]):
            return error
    if any(name in (disabled, disabled.partition(":")[2]) for disabled in registry.disabled):
        return NotFound(f"the plugin {name} is disabled", hint="its section in the configuration has enabled = no")
    known = [loaded.name for loaded in registry.loaded] + [_full(loaded) for loaded in registry.loaded]
    return NotFound(f"no plugin is called {name}{did_you_mean(name, known)}", hint="eventd plugins list has them all")


def _details(loaded: Loaded, merged: Merged) -> dict[str, Any]:
    return {
        "kind": loaded.kind,
        "name": loaded.name,
        "package": loaded.package,
        "version": loaded.version,
        "entry": loaded.value,
        "section": loaded.options.section,
        "types": list(loaded.types),
        "doc": inspect.getdoc(loaded.subject) or "",
        "options": _options(loaded, merged),
        "settings": [msgspec.to_builtins(setting) for setting in describe(type(loaded.config))],
    }


def _options(loaded: Loaded, merged: Merged) -> dict[str, str]:
    """What holds of the settings that all of its kind have."""
    options = render.in_force(merged, loaded.options.section)
    return options | ({"run": loaded.run} if "run" in options else {})


def _text(details: dict[str, Any]) -> str:
    lines = [f"{details['kind']}:{details['name']}"]
    lines += [f"  {key}: {details[key]}" for key in ("package", "version", "entry", "section") if details[key]]
    if details["types"]:
        lines.append(f"  types: {', '.join(details['types'])}")
    if details["doc"]:
        lines += ["", *(f"  {line}".rstrip() for line in details["doc"].splitlines())]
    lines += ["", f"  In force of [{details['section']}]:"]
    lines += [f"    {key}: {text or 'not set'}" for key, text in details["options"].items()]
    if details["settings"]:
        lines += ["", f"  Own keys of [{details['section']}]:", *map(_setting_line, details["settings"])]
    return "\n".join(lines)


def _setting_line(setting: dict[str, Any]) -> str:
    default = "must be set" if setting["default"] is None else f"default {setting['default'] or 'empty'}"
    return f"    {setting['key']} ({setting['type']}): {default}"
