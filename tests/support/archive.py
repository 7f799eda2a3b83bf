"""What the ``jsonl`` plugin wrote."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from tests.support.wait import until

__all__ = ["archived", "wait_archived"]


def archived(directory: Path) -> list[dict[str, Any]]:
    """The events in all files, rotated ones too; a line that is being written is left out."""
    events = []
    for file in sorted(directory.glob("*.jsonl*")):
        data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        events += [json.loads(line) for line in data.split(b"\n")[:-1]]
    return events


def wait_archived(directory: Path, types: str, count: int, timeout: float = 20.0) -> list[dict[str, Any]]:
    """The events of ``types``, once there are ``count`` of them."""

    def enough() -> list[dict[str, Any]]:
        found = [event for event in archived(directory) if event["type"] == types]
        return found if len(found) >= count else []

    return until(enough, timeout=timeout, what=f"{count} events of type {types} in the archive")
