"""Builds the C programs on the fly; it does not install anything."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Programs", "build"]

_SOURCES = Path(__file__).parent / "load"
_FLAGS = ("-O2", "-std=c11", "-Wall", "-Wextra", "-Werror")


@dataclass(frozen=True)
class Programs:
    """The compiled load generator and the trivial server."""

    load: Path
    sink: Path


def build(directory: Path) -> Programs:
    """Compile both into the directory.

    :raises RuntimeError: when there is no C compiler, or it refuses.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise RuntimeError("no C compiler: install gcc or clang so that there is a command cc")
    programs = Programs(directory / "load", directory / "sink")
    for target, sources in ((programs.load, ("load.c", "connection.c", "wire.c")), (programs.sink, ("sink.c",))):
        command = [compiler, *_FLAGS, "-o", str(target), *(str(_SOURCES / name) for name in sources)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
    return programs
