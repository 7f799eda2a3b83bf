"""Which function answers which HTTP request."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import NamedTuple

from eventd.errors import EventdError, NotAllowed, NotFound
from eventd.event import Draft
from eventd.listen.door import Door
from eventd.protocol.messages import Request, Response

__all__ = ["MethodNotAllowed", "Route", "Routes", "Streamed"]

log = logging.getLogger(__name__)


class Streamed(NamedTuple):
    """A response whose body is made while it is sent; ``b""`` in it means: nothing new, is anybody there?"""

    status: int
    headers: list[tuple[str, str]]
    chunks: Iterator[bytes]


#: Runs in the connection's green thread and may wait there; the door is the one that the request came through.
#: A draft is answered by 204 when its events are durable, else none of them is.
Route = Callable[[Request, Door], Response | Streamed | Draft]


class _Place(NamedTuple):
    """What stands at a method and a path."""

    route: Route
    admin: bool
    metered: bool


class MethodNotAllowed(NotFound):
    """The route exists, for other methods."""

    reason = "method_not_allowed"
    http_status = 405

    def __init__(self, method: str, allowed: list[str]) -> None:
        super().__init__(f"{method} is not for this route", hint=f"it takes {', '.join(allowed)}")
        self.allowed = allowed


class Routes:
    """A table of routes.

    ``admin`` ones are only for listeners that are trusted. A request to a ``metered`` one counts as an event of its
    sender's, with the bytes of its body: how many events become of it, only the route knows.
    """

    def __init__(self) -> None:
        self._routes: dict[str, dict[str, _Place]] = {}

    def add(
        self, method: str, path: str, route: Route, *, admin: bool = False, metered: bool = False
    ) -> None:
        """Let ``route`` answer ``method`` on ``path``; a last part ``*`` stands for any that has no route of its own.

        :raises ValueError: when something answers there already.
        """
        methods = self._routes.setdefault(path, {})
        if method in methods:
            raise ValueError(f"{method} {path} is taken")
        methods[method] = _Place(route, admin, metered)

    def find(self, request: Request, *, admin: bool) -> Route:
        """The route for a request.

        :raises NotFound: for an unknown path. :raises MethodNotAllowed: for a known one with other methods.
        :raises NotAllowed: for an admin route on a listener that is not trusted.
        """
        methods = self._methods(request)
        if methods is None:
            raise NotFound(f"there is nothing at {request.path[:200]!r}", hint="events go to POST /events")
        place = methods.get(_method(request))
        if place is None:
            raise MethodNotAllowed(request.method[:20], sorted({*methods, *(["HEAD"] if "GET" in methods else [])}))
        if place.admin and not admin:
            raise NotAllowed(f"{request.path} is for administrators", hint="use the unix socket in the run directory")
        return place.route

    def metered(self, request: Request) -> bool:
        """Whether the request is to a route that is metered."""
        place = (self._methods(request) or {}).get(_method(request))
        return place is not None and place.metered

    def answer(self, request: Request, door: Door) -> Response | Streamed | Draft:
        """Answer a request; a route that fails costs only its own request.

        :raises EventdError: what the sender is to be told.
        """
        route = self.find(request, admin=door.admin)
        try:
            return route(request, door)
        except EventdError:
            raise
        except Exception as error:
            log.exception("%s %s failed", request.method, request.path)
            raise EventdError("the request could not be handled", hint="the daemon's log says why") from error

    def _methods(self, request: Request) -> dict[str, _Place] | None:
        parent = request.path.rpartition("/")[0]
        return self._routes.get(request.path) or self._routes.get(f"{parent}/*")


def _method(request: Request) -> str:
    return "GET" if request.method == "HEAD" else request.method
