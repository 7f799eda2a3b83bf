"""Configurations and entry points for the tests of this room."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

from eventd.config.options import Configuration
from eventd.config.reader import load
from eventd.plugin.registry import Registry


def configuration(directory: Path, text: str = "") -> Configuration:
    file = directory / "eventd.ini"
    file.write_text(f"[eventd]\nstate_dir = {directory}\nrun_dir = {directory}\nnode = test-node\n{text}")
    return load([file])


def entry(group: str, name: str, attribute: str, module: str = "tests.plugin.samples") -> EntryPoint:
    return EntryPoint(name, f"{module}:{attribute}", f"eventd.{group}")


def registry(directory: Path, *entries: EntryPoint, text: str = "") -> Registry:
    return Registry.load(configuration(directory, text), entries)
