"""HTTP to the daemon, over the unix socket in its run directory."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from eventd.errors import EventdError

__all__ = ["DaemonConnection", "NotThere", "Refused", "Unreachable"]

SOCKET = "eventd.sock"
#: A daemon that does not answer for so long is stuck; it answers a status in milliseconds.
ANSWER_WITHIN = 30.0
#: As much as a chunk of many lines has, so that few calls bring them.
_READ = 65536
_GOOD = range(200, 300)
_NOT_FOUND = 404
_JSON = {"Content-Type": "application/json"}

Query = Sequence[tuple[str, str]]


class Unreachable(EventdError):
    """There is no daemon that answers."""

    reason = "unreachable"


class Refused(EventdError):
    """The daemon answered that it does not do it."""

    reason = "refused"


class NotThere(Refused):
    """The daemon does not have what was asked for."""


class DaemonConnection:
    """Asks the daemon whose run directory is ``run_dir``."""

    def __init__(self, run_dir: str, timeout: float = ANSWER_WITHIN) -> None:
        self._path = Path(run_dir, SOCKET)
        self._timeout = timeout

    def get(self, path: str, query: Query = ()) -> Any:
        """The JSON document at ``path``.

        :raises Unreachable: when no daemon answers. :raises Refused: when it says no.
        """
        with self._ask("GET", path, query) as response:
            return self._document(response.read())

    def tell(self, path: str, document: Any) -> Any:
        """Have the daemon do something: a JSON document goes to ``path``, and one comes back.

        :raises Unreachable: when no daemon answers. :raises Refused: when it says no.
        """
        with self._ask("POST", path, (), json.dumps(document).encode(), _JSON) as response:
            return self._document(response.read())

    def post(self, path: str, body: bytes, content_type: str) -> None:
        """Send a body; return when the daemon has taken it.

        :raises Unreachable: when no daemon answers. :raises Refused: when it says no.
        """
        with self._ask("POST", path, (), body, {"Content-Type": content_type}) as response:
            response.read()

    def lines(self, path: str, query: Query = ()) -> Iterator[bytes]:
        """The lines of an endless answer, each when it comes.

        :raises Unreachable: when no daemon answers, or it breaks off. :raises Refused: when it says no.
        """
        with self._ask("GET", path, query, endless=True) as response:
            yield from _lines(response)

    def progress(self, path: str, document: Any) -> Iterator[dict[str, Any]]:
        """Have the daemon do something long: a JSON document goes to ``path``, and one a line tells how far it is.

        :raises Unreachable: when no daemon answers, or it breaks off. :raises Refused: when it says no.
        """
        with self._ask("POST", path, (), json.dumps(document).encode(), _JSON, endless=True) as response:
            yield from map(self._document, _lines(response))

    def _document(self, body: bytes) -> Any:
        try:
            return json.loads(body)
        except ValueError as error:
            raise Unreachable(f"{self._path} answers with something else than JSON: is it eventd's?") from error

    @contextmanager
    def _ask(
        self,
        method: str,
        path: str,
        query: Query,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        endless: bool = False,
    ) -> Iterator[http.client.HTTPResponse]:
        connection = _UnixConnection(self._path, self._timeout)
        try:
            _request(connection, method, f"{path}?{urlencode(query)}" if query else path, body, headers or {})
            sock = connection.sock
            with connection.getresponse() as response:
                if response.status not in _GOOD:
                    raise _refusal(response.status, response.read())
                if endless:
                    sock.settimeout(None)  # it may have nothing to say for days
                yield response
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def _unreachable(self, error: Exception) -> Unreachable:
        elsewhere = "or name its run directory: -o eventd.run_dir=DIR, or its file: -c FILE"
        start = f"start it (eventd run, systemctl start eventd), {elsewhere}"
        match error:
            case FileNotFoundError():
                return Unreachable(f"no daemon runs here: there is no {self._path}", hint=start)
            case ConnectionRefusedError():
                return Unreachable(f"no daemon runs here: nobody listens at {self._path}", hint=start)
            case PermissionError():
                hint = "run this command as the user eventd or as root, or be in the group eventd"
                return Unreachable(f"you may not open {self._path}", hint=hint)
            case http.client.IncompleteRead():
                return Unreachable("the daemon broke off", hint="it may have been stopped: eventd status")
            case TimeoutError():
                return Unreachable(f"the daemon at {self._path} does not answer", hint="its log may say why")
        told = str(error) or type(error).__name__
        return Unreachable(f"talking to the daemon at {self._path} failed: {told}", hint="its log may say why")


class _UnixConnection(http.client.HTTPConnection):
    """``HTTPConnection`` whose address is a path."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _request(
    connection: http.client.HTTPConnection, method: str, target: str, body: bytes | None, headers: dict[str, str]
) -> None:
    try:
        connection.request(method, target, body, headers)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it may have refused before it had all: what it answered tells


def _lines(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """Whole lines, as soon as they are there. (``readline`` would take a broken answer for one that ended.)"""
    rest = b""
    while data := response.read1(_READ):
        *lines, rest = (rest + data).split(b"\n")
        yield from (line + b"\n" for line in lines if line.strip())
    if rest.strip():
        yield rest + b"\n"


def _refusal(status: int, body: bytes) -> Refused:
    """What the daemon said, as an error: its body is ``{"errors": […], "hint": …}``."""
    try:
        told = json.loads(body)
        messages = [_message(error) for error in told["errors"]]
        hint = told.get("hint")
    except (ValueError, KeyError, TypeError, AttributeError):
        messages, hint = [], None
    text = "; ".join(messages) or f"HTTP status {status}"
    kind = NotThere if status == _NOT_FOUND else Refused
    return kind(f"the daemon refused: {text}", hint=hint)


def _message(error: dict[str, Any]) -> str:
    attribute = error.get("attribute")
    return f"{attribute}: {error['message']}" if attribute else str(error["message"])
