"""Builds the C programs on the fly; it does not install anything."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Programs", "build"]

_SOURCES = Path(__file__).parent / "load"
_PARTS = {
    "load": ("load.c", "connection.c", "wire.c", "common.c"),
    "fanout": ("fanout.c", "drain.c", "common.c"),
    "sink": ("sink.c", "common.c"),
}
_FLAGS = ("-O2", "-std=c11", "-Wall", "-Wextra", "-Werror")


@dataclass(frozen=True)
class Programs:
    """The compiled load generator, the one for fan-out, and the trivial server."""

    load: Path
    fanout: Path
    sink: Path


def build(directory: Path) -> Programs:
    """Compile them into the directory.

    :raises RuntimeError: when there is no C compiler, or it refuses.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise RuntimeError("no C compiler: install gcc or clang so that there is a command cc")
    for name, parts in _PARTS.items():
        command = [compiler, *_FLAGS, "-o", str(directory / name), *(str(_SOURCES / part) for part in parts)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
    return Programs(**{name: directory / name for name in _PARTS})
