"""A small real HTTP server on a unix socket, in the place of the daemon, and a way to call commands."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import pytest
from click.testing import CliRunner, Result

from eventd.cli import main


class Call(NamedTuple):
    """A request that the commands sent."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes


class StandIn(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Answers each path with what a test put there: ``(status, chunks)``."""

    daemon_threads = True

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.answers: dict[str, tuple[int, list[bytes]]] = {}
        self.calls: list[Call] = []
        #: Break the connection off after the last chunk instead of ending the answer.
        self.breaks_off = False
        super().__init__(str(run_dir / "eventd.sock"), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do not tell of clients that had enough; what is wrong otherwise is seen by the client."""

    def answer(self, path: str, document: Any, status: int = 200) -> None:
        self.answers[path] = (status, [json.dumps(document).encode()])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandIn

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        query = parse_qsl(url.query, keep_blank_values=True)
        self.server.calls.append(Call(self.command, url.path, query, dict(self.headers), body))
        status, chunks = self.server.answers.get(url.path, (404, [b"not found"]))
        self.send_response(status)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        if not self.server.breaks_off:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def do_POST(self) -> None:
        self.do_GET()

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[StandIn]:
    """Something that answers like the daemon."""
    server = StandIn(tmp_path)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="stand-in")
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """A configuration whose run directory is the test's."""
    file = tmp_path / "eventd.ini"
    file.write_text(f"[eventd]\nrun_dir = {tmp_path}\n")
    return file


@pytest.fixture
def eventd(config_file: Path) -> Callable[..., Result]:
    """Call a command: its name in one string, then its arguments; ``-c`` is added."""

    def call(name: str, *args: str, input: bytes | None = None) -> Result:
        return CliRunner().invoke(main, [*name.split(), "-c", str(config_file), *args], input=input)

    return call
