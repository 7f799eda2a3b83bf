"""A real daemon in a process of its own, for the system tests."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.wait import until

__all__ = ["DaemonProcess", "UnixHTTPConnection", "install_plugin"]

CONFIG = """
[eventd]
state_dir = {directory}/state
run_dir = {directory}/run
log_level = info

[listener:http]
protocol = http
bind = 127.0.0.1:0

[listener:forward]
protocol = forward
bind = 127.0.0.1:0

[source:hostmetrics]
enabled = no

[source:github]
enabled = no

[handler:jsonl]
enabled = no
"""


class UnixHTTPConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float = 10.0) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class DaemonProcess:
    """``python -m eventd run`` in ``directory``; keeps its journal there from one start to the next.

    :param config: INI text that is added to a base with ``http`` and ``forward`` listeners on free ports.
    :param path: folders for ``PYTHONPATH``, with plugins made by ``install_plugin``.
    """

    def __init__(self, directory: Path, config: str = "", path: list[Path] | None = None) -> None:
        self.directory = directory
        self.config = directory / "eventd.ini"
        self.log = directory / "eventd.log"
        self._path = path or []
        #: What its standard input is: a descriptor.
        self.stdin = subprocess.DEVNULL
        self.process: subprocess.Popen[bytes] | None = None
        (directory / "run").mkdir(parents=True, exist_ok=True)
        self.config.write_text(CONFIG.format(directory=directory))
        if config:
            (directory / "conf.ini").write_text(config.format(directory=directory))

    @property
    def socket(self) -> str:
        return str(self.directory / "run" / "eventd.sock")

    def command(self, *arguments: str) -> list[str]:
        files = ["-c", str(self.config)]
        if (self.directory / "conf.ini").exists():
            files += ["-c", str(self.directory / "conf.ini")]
        return [sys.executable, "-m", "eventd", *arguments[0].split(), *files, *arguments[1:]]

    def environment(self) -> dict[str, str]:
        paths = [*map(str, self._path), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}

    def launch(self) -> None:
        """Start it and wait for nothing."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command("run"), stdout=log, stderr=log, stdin=self.stdin, env=self.environment()
            )

    def start(self, timeout: float = 20.0) -> DaemonProcess:
        self.launch()
        until(self.ready, timeout=timeout, what="the daemon to be ready")
        return self

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    def ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the daemon ended with {self.process.returncode}:\n{self.tail()}")
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def get(self, path: str) -> tuple[int, bytes]:
        connection = UnixHTTPConnection(self.socket)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(self.get("/api/v1/status")[1])
        return status

    def consumer(self, name: str) -> dict[str, Any]:
        return next(c for c in self.status()["consumers"] if c["name"] == name)

    def port(self, listener: str) -> int:
        row = next(row for row in self.status()["listeners"] if row["name"] == listener)
        return int(row["address"].rpartition(":")[2])

    def events(self, types: str = ">") -> list[dict[str, Any]]:
        """Everything that the journal holds, as CloudEvents."""
        status, body = self.get(f"/api/v1/events?types={types}&from=earliest&follow=0")
        assert status == 200, body
        return [json.loads(line) for line in body.splitlines() if line]

    def run(self, *arguments: str, stdin: bytes = b"", timeout: float = 30.0) -> subprocess.CompletedProcess[bytes]:
        """Run another command of eventd's with the same configuration."""
        return subprocess.run(
            self.command(*arguments),
            input=stdin,
            capture_output=True,
            timeout=timeout,
            env=self.environment(),
            check=False,
        )

    def publish(self, events: list[dict[str, Any]]) -> None:
        """Have events made durable, in one batch over the unix socket."""
        connection = UnixHTTPConnection(self.socket)
        try:
            headers = {"Content-Type": "application/cloudevents-batch+json"}
            connection.request("POST", "/events", json.dumps(events), headers)
            assert connection.getresponse().status == 204
        finally:
            connection.close()

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self, timeout: float = 20.0) -> int:
        return self._end(signal.SIGTERM, timeout)

    def _end(self, how: signal.Signals, timeout: float = 20.0) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(timeout)

    def __enter__(self) -> DaemonProcess:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()
                raise


def install_plugin(folder: Path, name: str, code: str, entry_points: str) -> Path:
    """Make an installed distribution of one module, found through ``PYTHONPATH``; returns its folder."""
    site = folder / f"site-{name}"
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (site / f"{name}.py").write_text(code)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
    return site
