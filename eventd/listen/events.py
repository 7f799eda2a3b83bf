"""``/events``: the HTTP binding of CloudEvents, and the handshake of its webhooks."""

from __future__ import annotations

import re

from eventd.errors import EventdError, MalformedInput
from eventd.event import Draft
from eventd.formats import http_binding
from eventd.green import Signal, give_way
from eventd.listen.door import Door
from eventd.protocol.messages import Request, Response

__all__ = ["MOST_RATE", "Outcome", "deliver", "post_events", "validate_webhook"]

#: Requests a minute that a webhook's sender may make: more than any sender asks for.
MOST_RATE = 1_000_000

#: What a sender calls itself, a host's name as a rule; it is sent back to it.
_origin = re.compile(r"[!-~]{1,255}").fullmatch
_positive = re.compile(r"[1-9][0-9]{0,17}").fullmatch


class Outcome:
    """Waits in a green thread for what becomes of a draft."""

    def __init__(self) -> None:
        self._known = Signal()
        self._first = -1
        self._error: EventdError | None = None

    def done(self, first: int, error: EventdError | None) -> None:
        """What ingest calls."""
        self._first, self._error = first, error
        self._known.set()

    def wait(self) -> int:
        """The offset of the first event once all are durable.

        :raises EventdError: when they were refused.
        """
        self._known.wait()
        if self._error is not None:
            raise self._error
        return self._first


def post_events(request: Request, door: Door) -> Draft | Response:
    """``POST /events``: the events of the request, 204 where there are none.

    Binary, structured and batched content mode: CloudEvents HTTP binding 1.0.2, section 3.
    """
    draft = http_binding.read(
        request.header("content-type"), request.headers, request.body, door.schemas, door.limits, give_way
    )
    return draft if draft.count else Response(204)


def deliver(door: Door, draft: Draft) -> int:
    """Hand a draft on and wait until it is durable; the offset of its first event.

    :raises EventdError: when it was refused.
    """
    outcome = Outcome()
    door.submit(draft, outcome.done)
    return outcome.wait()


def validate_webhook(request: Request, door: Door) -> Response:
    """``OPTIONS /events``: agree to be a webhook's target (CloudEvents webhook spec 1.0.2, section 4)."""
    headers = [("Allow", "POST, OPTIONS")]
    origin = request.header("webhook-request-origin")
    if origin is not None:
        if not _origin(origin):
            raise MalformedInput("WebHook-Request-Origin is not a name")
        headers.append(("WebHook-Allowed-Origin", origin))
        headers += _agreed_rate(request.header("webhook-request-rate"))
    return Response(204, b"", headers)


def _agreed_rate(asked: str | None) -> list[tuple[str, str]]:
    if asked is None:
        return []
    if not _positive(asked):
        raise MalformedInput("WebHook-Request-Rate is not a positive number")
    return [("WebHook-Allowed-Rate", str(min(int(asked), MOST_RATE)))]
