from __future__ import annotations

import gzip
import logging
from typing import Any

import msgspec
import pytest

from eventd import Batch, Event
from eventd_jsonl import JsonLines


@pytest.fixture
def log():
    return logging.getLogger("eventd.handler.jsonl")


@pytest.fixture
def jsonl(tmp_path, log):
    """Makes started handlers: ``jsonl(keep=3)``; stops them at the end."""
    made = []

    def make(**keys: Any) -> JsonLines:
        handler = JsonLines(JsonLines.Config(**keys), log, tmp_path)
        made.append(handler)
        handler.start()
        return handler

    yield make
    for handler in made:
        handler.stop()


@pytest.fixture
def batch():
    """Makes batches of numbered events: ``batch(3, first=10)``."""

    def make(count: int, first: int = 0, type: str = "com.example.reading") -> Batch:
        return Batch.of([Event(type, {"n": n}, id=str(n), source="/test") for n in range(first, first + count)])

    return make


@pytest.fixture
def numbers(tmp_path):
    """The numbers in all files, in the order of the files."""

    def read() -> list[int]:
        finished = sorted(tmp_path.glob("events-*.jsonl*"))
        texts = [gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() for path in finished]
        current = tmp_path / "events.jsonl"
        texts += [current.read_bytes()] if current.exists() else []
        return [msgspec.json.decode(line)["data"]["n"] for text in texts for line in text.splitlines()]

    return read
