"""INI text into sections of values that know their file and line.

``configparser`` decides what the text means; a second look at the lines finds where
each key is, and what is written twice. Nothing here knows which keys exist.
"""

from __future__ import annotations

import configparser
import io
import re
from pathlib import Path
from typing import NamedTuple

from eventd.errors import Fault

from .options import Place

__all__ = ["Parsed", "Value", "parse", "parse_override", "read"]

#: ``configparser`` would copy the keys of its default section into all others; this
#: name cannot be written in a file, so that ``[DEFAULT]`` is a section like any.
_NO_DEFAULT_SECTION = "\n"
_SECTION = re.compile(r"\[(?P<name>.+)\]")
_KEY = re.compile(r"(?P<key>[^=:]*?)\s*[=:]")


class Value(NamedTuple):
    """The text of one key, and where it is."""

    text: str
    place: Place


class Parsed(NamedTuple):
    """One source of settings: its sections, where they begin, and what is wrong with it."""

    sections: dict[str, dict[str, Value]]
    places: dict[str, Place]
    faults: list[Fault]


def read(path: Path) -> Parsed:
    """Read a file; what cannot be read is a fault."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        return Parsed({}, {}, [Fault(f"cannot be read: {error.strerror}", str(path))])
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return Parsed({}, {}, [Fault("is not UTF-8", str(path), line)])
    return parse(text, str(path))


def parse(text: str, file: str) -> Parsed:
    """Parse the text of a file; ``file`` is its name for messages."""
    parser = configparser.RawConfigParser(strict=False, default_section=_NO_DEFAULT_SECTION)
    faults: list[Fault] = []
    try:
        parser.read_string(text, file)
    except configparser.MissingSectionHeaderError as error:
        return Parsed({}, {}, [Fault("a [section] must come before the first key", file, error.lineno)])
    except configparser.ParsingError as error:
        faults += [Fault(f"{line} is not KEY = VALUE", file, number) for number, line in error.errors]
    lines = _Lines(text, file)
    sections = {
        name: {key: Value(value, lines.keys.get((name, key), Place(file))) for key, value in parser[name].items()}
        for name in parser.sections()
    }
    return Parsed(sections, lines.sections, faults + lines.faults)


def parse_override(text: str) -> Parsed:
    """Parse ``SECTION.KEY=VALUE`` of the command line; the section may have dots."""
    name, equals, value = text.partition("=")
    section, dot, key = name.strip().rpartition(".")
    file = f"-o {name.strip()}"
    if not (equals and dot and section and key):
        return Parsed({}, {}, [Fault(f"-o {text}: write -o SECTION.KEY=VALUE")])
    place = Place(file)
    return Parsed({section: {key.lower(): Value(value.strip(), place)}}, {section: place}, [])


class _Lines:
    """Where the sections and keys of a text are, by the same rules as ``configparser``."""

    def __init__(self, text: str, file: str) -> None:
        self.sections: dict[str, Place] = {}
        self.keys: dict[tuple[str, str], Place] = {}
        self.faults: list[Fault] = []
        self._file = file
        self._section = ""
        self._indent: int | None = None
        for number, line in enumerate(io.StringIO(text), 1):
            self._look(number, line)

    def _look(self, number: int, line: str) -> None:
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            return
        indent = len(line) - len(line.lstrip())
        if self._indent is not None and indent > self._indent:
            return  # the value above goes on
        header = _SECTION.match(stripped)
        if header is not None:
            self._indent = None
            self._begin(header["name"], number)
        else:
            self._indent = indent
            self._key(stripped, number)

    def _begin(self, name: str, number: int) -> None:
        self._section = name
        first = self.sections.setdefault(name, Place(self._file, number))
        if first.line != number:
            self._fault(f"[{name}] is there already, on line {first.line}", number)

    def _key(self, line: str, number: int) -> None:
        match = _KEY.match(line)
        if match is None:
            return
        key = match["key"].lower()
        first = self.keys.setdefault((self._section, key), Place(self._file, number))
        if first.line != number:
            self._fault(f"{key} is there already, on line {first.line}", number)

    def _fault(self, message: str, number: int) -> None:
        self.faults.append(Fault(message, self._file, number))
