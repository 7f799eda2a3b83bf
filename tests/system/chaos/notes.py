"""What a child writes down: lines of JSON, each there in whole as soon as it is written, whatever kills the child."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["Notes", "last", "read"]

#: Bytes in which the last line of a file is looked for.
TAIL = 4096


class Notes:
    """A file that goes on behind the last whole line; ``kept`` are the lines that were there."""

    def __init__(self, path: Path) -> None:
        self.kept = read(path)
        self._file = path.open("ab", buffering=0)
        # What is torn was not written.
        whole = path.read_bytes().rfind(b"\n") + 1
        self._file.truncate(whole)

    def write(self, **line: Any) -> None:
        """Add a line, in one system call."""
        self._file.write(json.dumps(line).encode() + b"\n")

    def __enter__(self) -> Notes:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def read(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a file; none where there is no file."""
    data = path.read_bytes() if path.exists() else b""
    return [json.loads(line) for line in data.split(b"\n")[:-1]]


def last(path: Path) -> dict[str, Any]:
    """The last whole line of a file; empty where there is none."""
    if not path.exists():
        return {}
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        lines = file.read().split(b"\n")[:-1]
    return dict(json.loads(lines[-1])) if lines else {}
