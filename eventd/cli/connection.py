"""HTTP to the daemon, over the unix socket in its run directory."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from eventd.errors import EventdError

__all__ = ["DaemonConnection", "Refused", "Unreachable"]

SOCKET = "eventd.sock"
#: A daemon that does not answer for so long is stuck; it answers a status in milliseconds.
ANSWER_WITHIN = 30.0
_GOOD = range(200, 300)

Query = Sequence[tuple[str, str]]


class Unreachable(EventdError):
    """There is no daemon that answers."""

    reason = "unreachable"


class Refused(EventdError):
    """The daemon answered that it does not do it."""

    reason = "refused"


class DaemonConnection:
    """Asks the daemon whose run directory is ``run_dir``."""

    def __init__(self, run_dir: str, timeout: float = ANSWER_WITHIN) -> None:
        self._path = Path(run_dir, SOCKET)
        self._timeout = timeout

    def get(self, path: str, query: Query = ()) -> Any:
        """The JSON document at ``path``.

        :raises Unreachable: when no daemon answers. :raises Refused: when it says no.
        """
        body = self._ask("GET", path, query).read()
        try:
            return json.loads(body)
        except ValueError as error:
            raise Unreachable(f"{self._path} answers with something else than JSON: is it eventd's?") from error

    def post(self, path: str, body: bytes, content_type: str) -> None:
        """Send a body; return when the daemon has taken it.

        :raises Unreachable: when no daemon answers. :raises Refused: when it says no.
        """
        self._ask("POST", path, (), body, {"Content-Type": content_type}).read()

    def lines(self, path: str, query: Query = ()) -> Iterator[bytes]:
        """The lines of an endless answer, each when it comes.

        :raises Unreachable: when no daemon answers, or it breaks off. :raises Refused: when it says no.
        """
        connection = self._connection()
        response = self._ask("GET", path, query, connection=connection)
        if connection.sock is not None:
            connection.sock.settimeout(None)  # nothing need happen for days
        try:
            while line := response.readline():
                if line.strip():
                    yield line
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable("the daemon broke off", hint="it may have been stopped: eventd status") from error

    def _ask(
        self,
        method: str,
        path: str,
        query: Query,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        connection: http.client.HTTPConnection | None = None,
    ) -> http.client.HTTPResponse:
        connection = connection or self._connection()
        try:
            connection.request(method, f"{path}?{urlencode(query)}" if query else path, body, headers or {})
            response = connection.getresponse()
            if response.status not in _GOOD:
                raise _refusal(response.status, response.read())
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        return response

    def _connection(self) -> http.client.HTTPConnection:
        return _UnixConnection(self._path, self._timeout)

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


def _refusal(status: int, body: bytes) -> Refused:
    """What the daemon said, as an error: its body is ``{"errors": […], "hint": …}``."""
    try:
        told = json.loads(body)
        messages = [_message(error) for error in told["errors"]]
        hint = told.get("hint")
    except (ValueError, KeyError, TypeError, AttributeError):
        messages, hint = [], None
    text = "; ".join(messages) or f"HTTP status {status}"
    return Refused(f"the daemon refused: {text}", hint=hint)


def _message(error: dict[str, Any]) -> str:
    attribute = error.get("attribute")
    return f"{attribute}: {error['message']}" if attribute else str(error["message"])
