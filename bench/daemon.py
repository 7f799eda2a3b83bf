"""eventd as a contestant: a real daemon in a process of its own, with one counting handler or none.

The handler's package is made visible to this daemon alone, by its metadata in a
temporary directory: it is not installed, so that no other daemon of the same
environment loads it.
"""

from __future__ import annotations

import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path

from bench import payload
from bench.filling import Filled
from bench.meter import Meter
from bench.payload import Message
from bench.process import Process, free_port, until
from bench.running import Running

__all__ = ["Eventd"]

_ROOT = Path(__file__).parent.parent
_GROUPS = {
    "eventd.event_types": "event_type",
    "eventd.handlers": "handler",
    "eventd.sources": "source",
    "eventd.services": "service",
}
_CONFIG = """
[eventd]
state_dir = {directory}/state
run_dir = {directory}/run
log_level = warning

[listener:http]
bind = 127.0.0.1:{http}

[listener:forward]
bind = 127.0.0.1:{forward}
"""
_HANDLER = """
[handler:bench]
start = earliest
meter = {directory}/meter
"""


class Eventd:
    """The daemon, reached by one of its doors: ``forward`` or ``http``.

    :param handler: the class in ``eventd_bench`` that handles the events, if any is to.
    :param options: of that handler's section.
    :param filled: the journal to start with, instead of an empty one.
    :param message: what it is sent, where that is not the door's usual message.
    """

    note = "one process; acknowledged after fsync; a handler in Python, batches of up to 1,000"

    def __init__(
        self,
        door: str,
        *,
        name: str = "eventd",
        handler: str | None = "Count",
        options: Mapping[str, object] | None = None,
        filled: Filled | None = None,
        message: Message | None = None,
    ) -> None:
        self.name = name
        self._door = door
        self._handler = handler
        self._options = options or {}
        self._filled = filled
        self._message = message
        if handler is None:
            self.note = "one process; acknowledged after fsync; no handler"
        elif self._options.get("run") == "process":
            workers = "a worker process" if self._workers == 1 else f"{self._workers} worker processes"
            self.note = f"acknowledged after fsync; a handler in Python in {workers}, batches of up to 1,000"

    @property
    def _workers(self) -> int:
        return int(str(self._options.get("workers", 1)))

    def message(self, *, deflate: bool = False) -> Message:
        """A Forward chunk of 1,000 events, or one event in the native protocol."""
        if self._message is not None:
            return self._message
        return payload.forward() if self._door == "forward" else payload.native(deflate=deflate)

    @contextmanager
    def start(self, directory: Path, events: int, processors: Iterable[int]) -> Iterator[Running]:
        """Run it with a journal of its own."""
        ports = {"http": free_port(), "forward": free_port()}
        config = _write_config(directory, ports, self._section())
        command = [sys.executable, "-m", "eventd", "run", "-c", str(config)]
        path = str(_ROOT) if self._handler is None else f"{_ROOT}:{_expose_plugin(directory, self._handler)}"
        meter = None if self._handler is None else Meter(directory / "meter", create=True)
        if self._filled is not None:
            self._filled.copy(directory / "state")
        begin = time.monotonic()
        with Process("eventd", command, directory, processors=processors, environment={"PYTHONPATH": path}) as process:
            until(lambda: process.alive() and _ready(ports["http"]), 20, "eventd to be ready")
            if meter is not None:
                until(lambda: process.alive() and meter.read().ready == self._workers, 20, "the handler of eventd")
            yield Running(ports[self._door], [process], meter, time.monotonic() - begin, ports)
        if meter is not None:
            meter.close()

    def _section(self) -> str:
        if self._handler is None:
            return ""
        return _HANDLER + "".join([f"{name} = {value}\n" for name, value in self._options.items()])


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5.0) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def _write_config(directory: Path, ports: dict[str, int], section: str) -> Path:
    """Only the counting handler is to run: what else is installed here is switched off."""
    lines = [(_CONFIG + section).format(directory=directory, **ports)]
    for group, kind in _GROUPS.items():
        lines += [f"[{kind}:{entry.name}]\nenabled = no\n" for entry in entry_points(group=group)]
    config = directory / "eventd.ini"
    config.write_text("\n".join(lines))
    (directory / "run").mkdir()
    return config


def _expose_plugin(directory: Path, handler: str) -> Path:
    """A folder with the plugin and its metadata, as an installer would lay them out."""
    folder = directory / "plugin"
    metadata = folder / "eventd_bench-1.0.dist-info"
    metadata.mkdir(parents=True)
    shutil.copy(_ROOT / "bench" / "plugin" / "eventd_bench.py", folder)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: eventd-bench\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[eventd.handlers]\nbench = eventd_bench:{handler}\n")
    return folder
