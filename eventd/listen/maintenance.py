"""The routes by which an administrator looks after the journal."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from eventd.errors import MalformedInput
from eventd.listen.door import Door
from eventd.listen.routes import Route
from eventd.protocol.messages import Request, Response

__all__ = ["PRUNE", "Wish", "prune_route"]

PRUNE = "/api/v1/journal/prune"


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be dropped: events before an offset or a time, or until the journal has so many bytes."""

    before: str | None = None
    size: int | None = None
    unsettled: bool = False


def prune_route(prune: Callable[[Wish], object]) -> Route:
    """The route that has ``prune`` drop events, and tells what was dropped."""

    def route(request: Request, door: Door) -> Response:
        try:
            wish = msgspec.json.decode(request.body, type=Wish)
            if wish.before is None and wish.size is None:
                raise ValueError("neither before nor size is given")
            told = prune(wish)
        except (ValueError, msgspec.DecodeError) as error:
            hint = "send before (an offset or an RFC 3339 time), size, or both"
            raise MalformedInput(str(error), hint=hint) from error
        return Response(200, msgspec.json.encode(told), [("Content-Type", "application/json")])

    return route
