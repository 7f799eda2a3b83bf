"""What is made from the table of settings: the shipped file, the reference page, and
the settings that hold.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from .inifile import Value
from .merge import VARIABLES, Merged
from .options import Place
from .secrets import is_reference, looks_secret
from .settings import TABLE, section_named
from .settings_network import DEFAULT_BIND
from .table import Section, Setting
from .values import ADDRESS, BOOLEAN, DURATION, LIST, PATH, SIZE, START

__all__ = ["in_force", "ini", "markdown", "show"]

_WIDTH = 100
_HIDDEN = "********"

_INI_HEAD = """\
The configuration of eventd. Every setting is here, commented out, at its default.
This file is read first, then conf.d/*.ini beside it in name order, then -o of the command line.
A value goes on in the next line where that is indented. A comment stands on a line of its own.
%(state_dir)s is filled in; %% is a percent sign. A secret of a plugin may be file:PATH or credential:NAME.
"eventd check" tells everything that is wrong with it."""

_MARKDOWN_HEAD = """\
# Configuration

This page is made from the table of settings: `eventd config docs`.

eventd reads `/etc/eventd/eventd.ini`, then `/etc/eventd/conf.d/*.ini` in name order, then
`-o SECTION.KEY=VALUE` of the command line; the later wins, key by key. With `-c FILE` (which may be
given several times) it reads these files instead. Nothing has to be set: without any file all defaults hold.
An eventd in a virtual environment with a directory `etc/eventd` looks there and not in `/etc/eventd`;
`make run` makes one, from `etc/eventd.ini` and `var/conf.d/` of the checkout.

- `eventd check` tells everything that is wrong at once, with file and line, and exits with 78.
- `eventd config show` prints the settings that hold, and where each comes from.
- `eventd config defaults` prints every setting at its default: the file as it is shipped.

A file is INI text in UTF-8. Keys are in lower case, a comment stands on a line of its own, and a value
goes on in the next line where that is indented. A key or a section that does not exist is an error.
A path in a file is absolute; one in `-o` may be relative to the directory where the command is called.

`%(name)s` in a value is the value of `name` in the same section, else in `[DEFAULT]`, else in
`[eventd]`; `%%` is a percent sign.

A plugin's section also takes the plugin's own keys: the fields of its `Config`, which
`eventd plugins show NAME` lists. Such a value may stand elsewhere: `file:/PATH` is the content of
a file, `credential:NAME` that of a systemd credential (`LoadCredential=`); a line end behind it does
not count.

## How values are written

| kind | written |
|---|---|
"""


def ini() -> str:
    """``etc/eventd.ini``: every setting commented out at its default, with its help above."""
    return "\n".join([_comment(_INI_HEAD), *map(_ini_sections, TABLE)])


def markdown() -> str:
    """``docs/configuration.md``: the reference page."""
    kinds = "".join(f"| {k.name} | {k.written} |\n" for k in (BOOLEAN, DURATION, SIZE, PATH, LIST, ADDRESS, START))
    return _MARKDOWN_HEAD + kinds + "".join(map(_markdown_section, TABLE))


def show(merged: Merged) -> str:
    """The settings that hold; behind those that were set, where. Secrets are not shown."""
    titles = [section.name for section in TABLE if not section.named]
    titles += sorted(title for title in merged.sections if title not in (*titles, VARIABLES))
    return "\n".join(_show_section(merged, title) for title in titles if section_named(title.partition(":")[0]))


def in_force(merged: Merged, title: str) -> dict[str, str]:
    """What holds for a section, as a file has it, by key; a plugin's own keys are left out, empty is not set."""
    section = section_named(title.partition(":")[0])
    return {key: text for key, text, _ in _lines(merged, title) if section is not None and section.setting(key)}


def _comment(text: str) -> str:
    lines = [line for paragraph in text.splitlines() for line in textwrap.wrap(paragraph, _WIDTH - 2)]
    return "".join(f"# {line}\n" for line in lines)


def _ini_sections(section: Section) -> str:
    examples = section.examples or ("",)
    return _comment(section.help) + "\n".join(_ini_section(section, example) for example in examples)


def _ini_section(section: Section, example: str) -> str:
    # A section of a plugin that is not installed would be an error, so its header is a comment, too.
    header = f"{section.name}:{example}" if example else section.name
    first = f"#[{header}]\n" if section.plugin else f"[{header}]\n"
    short = section.named and example != section.examples[0]
    return first + "".join(_ini_setting(section, setting, example, short) for setting in section.settings)


def _ini_setting(section: Section, setting: Setting, example: str, short: bool) -> str:
    text = "" if short else _comment(f"{setting.help}{_unset(setting)}")
    default = setting.default
    if section.name == "listener" and default is None:
        default = _listener_default(setting.key, example)
    return f"{text}#{setting.key} = {default or ''}".rstrip() + "\n"


def _listener_default(key: str, name: str) -> str | None:
    return {"protocol": name, "bind": DEFAULT_BIND[name]}.get(key)


def _unset(setting: Setting) -> str:
    return f" Not set: {setting.unset}." if setting.unset else ""


def _markdown_section(section: Section) -> str:
    rows = "".join(
        f"| `{s.key}` | {s.kind.name if s.kind.name != 'choice' else s.kind.written} "
        f"| {f'`{s.default}`' if s.default is not None else s.unset} | {s.help} |\n"
        for s in section.settings
    )
    return f"\n## [{section.title}]\n\n{section.help}\n\n| key | value | default | meaning |\n|---|---|---|---|\n{rows}"


def _show_section(merged: Merged, title: str) -> str:
    return f"[{title}]\n" + "".join(_show_line(*line) for line in _lines(merged, title))


def _lines(merged: Merged, title: str) -> Iterator[tuple[str, str, Place | None]]:
    section = section_named(title.partition(":")[0])
    written = dict(merged.sections.get(title, {}))
    for setting in section.settings if section else ():
        value = written.pop(setting.key, None)
        yield setting.key, _shown(merged, title, value) if value else setting.default or "", value and value.place
    for key, value in written.items():
        text = _shown(merged, title, value)
        yield key, _HIDDEN if looks_secret(key) and not is_reference(text) else text, value.place


def _shown(merged: Merged, title: str, value: Value) -> str:
    return merged.text(title, value) or ""


def _show_line(key: str, text: str, place: Place | None) -> str:
    where = f"# {place.file}{f':{place.line}' if place.line else ''}\n" if place and place.file else ""
    value = text.replace("%", "%%").replace("\n", "\n    ")
    return f"{where}{key} = {value}".rstrip() + "\n"
