"""The routes that every ``http`` listener has, and those of the administration.

This file says which path is answered by what; it is handed the answers as callables and
knows nothing of the parts behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from eventd.errors import MalformedInput
from eventd.listen.door import Door
from eventd.listen.events import post_events, validate_webhook
from eventd.listen.routes import Routes, Streamed
from eventd.protocol.messages import Request, Response

__all__ = ["Answers", "build_routes"]

#: ``Content-Type`` of one JSON document a line.
NDJSON = "application/x-ndjson"
#: The page brings its own script and style along, and asks only the daemon.
POLICY = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'"


class Answers(msgspec.Struct):
    """What the daemon knows to tell."""

    #: Why the daemon is not ready; empty when it is.
    reasons: Callable[[], list[str]]
    #: The whole status, as something that msgspec encodes.
    status: Callable[[], object]
    #: Prometheus's text format.
    metrics: Callable[[], bytes]
    #: Plugins, as something that msgspec encodes.
    plugins: Callable[[], object]
    #: ``follow(patterns, start, forever)``: JSON lines of events; ``b""`` where none came for a while.
    follow: Callable[[list[str], str, bool], Iterator[bytes]]
    #: The page at ``/``.
    page: Callable[[], bytes]
    #: The client for browsers.
    script: Callable[[], bytes]


def build_routes(answers: Answers) -> Routes:
    """The table of routes; plugins add theirs to it."""
    routes = Routes()
    routes.add("POST", "/events", post_events)
    routes.add("OPTIONS", "/events", validate_webhook)
    routes.add("GET", "/", lambda request, door: _page(answers.page()))
    routes.add("GET", "/eventd.js", lambda request, door: _script(answers.script()))
    routes.add("GET", "/healthz", lambda request, door: _json({"alive": True}))
    routes.add("GET", "/readyz", lambda request, door: _ready(answers.reasons()))
    routes.add("GET", "/metrics", lambda request, door: _metrics(answers.metrics()))
    routes.add("GET", "/api/v1/status", lambda request, door: _json(answers.status()))
    routes.add("GET", "/api/v1/plugins", lambda request, door: _json(answers.plugins()), admin=True)
    routes.add("GET", "/api/v1/events", lambda request, door: _follow(answers, request, door), admin=True)
    return routes


def _json(document: object, status: int = 200) -> Response:
    return Response(status, msgspec.json.encode(document), [("Content-Type", "application/json")])


def _ready(reasons: list[str]) -> Response:
    return _json({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)


def _metrics(text: bytes) -> Response:
    return Response(200, text, [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")])


def _page(html: bytes) -> Response:
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", POLICY),
        ("X-Content-Type-Options", "nosniff"),
    ]
    return Response(200, html, headers)


def _script(module: bytes) -> Response:
    # Pages of other hosts may load it, too: what they may do here is for ``origins`` to say.
    headers = [
        ("Content-Type", "text/javascript; charset=utf-8"),
        ("Access-Control-Allow-Origin", "*"),
        ("Cache-Control", "no-cache"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    return Response(200, module, headers)


def _follow(answers: Answers, request: Request, door: Door) -> Streamed:
    patterns = request.query.get("types") or [">"]
    start = request.argument("from", "now") or "now"
    forever = request.argument("follow") != "0"
    try:
        lines = answers.follow(patterns, start, forever)
    except ValueError as error:
        raise MalformedInput(str(error)) from error
    return Streamed(200, [("Content-Type", NDJSON)], lines)
