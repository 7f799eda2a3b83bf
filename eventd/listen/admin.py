"""The routes of the administration: dead letters, handlers and replay, for listeners that are trusted.

This file reads requests and writes answers; what is done is handed to it as callables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec

from eventd.errors import MalformedInput, NotFound
from eventd.listen.door import Door
from eventd.listen.routes import Route, Routes, Streamed
from eventd.protocol.messages import Request, Response

__all__ = ["Administration", "Chosen", "Order", "add_admin_routes"]

#: ``Content-Type`` of one JSON document a line.
NDJSON = "application/x-ndjson"
#: Dead letters in one answer, at most: the next ones are asked for by the last id.
MOST_LISTED = 1000
#: Ids in one request, and characters of a time that is quoted back.
MOST_IDS, MOST_QUOTED = 10_000, 100

T = TypeVar("T")


class Chosen(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which dead letters: all that fit each of what is given. Times are of the last attempt, in nanoseconds."""

    ids: list[int] | None = None
    consumer: str | None = None
    type: str | None = None
    since: int | None = None
    before: int | None = None


class Order(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    """What to replay: a handler, and the places between which its events are."""

    handler: str
    start: str = "earliest"
    end: str = "now"
    types: list[str] = []
    dry_run: bool = False


class Administration(msgspec.Struct):
    """What the daemon can be told to do. What cannot be understood is a ``ValueError``."""

    #: ``dead_letters(chosen, after, limit)``: as many as ``limit`` with ids above ``after``.
    dead_letters: Callable[[Chosen, int, int], Sequence[object]]
    #: One with all that is known of it.
    dead_letter: Callable[[int], object | None]
    #: JSON lines that tell how far it is; the last one says how it ended.
    retry: Callable[[Chosen], Iterator[bytes]]
    #: How many were dropped.
    drop: Callable[[Chosen], int]
    #: JSON lines, as for ``retry``.
    replay: Callable[[Order], Iterator[bytes]]
    #: Handlers, event types and durable subscriptions, and how they are.
    handlers: Callable[[], object]
    #: ``pause(name, paused)``: pauses or resumes; the full name, and whether that was otherwise before.
    pause: Callable[[str, bool], tuple[str, bool]]
    #: Drops a durable subscription; ``KeyError`` where there is none of the name.
    forget: Callable[[str], object]


class _Asked(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The body that chooses dead letters."""

    ids: list[int] | None = None
    consumer: str | None = None
    type: str | None = None
    since: str | None = None
    before: str | None = None
    all: bool = False


class _Named(msgspec.Struct, forbid_unknown_fields=True):
    """The body that names something."""

    name: str


_decode_named = msgspec.json.Decoder(_Named).decode
_decode_asked = msgspec.json.Decoder(_Asked).decode
_decode_order = msgspec.json.Decoder(Order).decode


def add_admin_routes(routes: Routes, administration: Administration) -> None:
    """Let ``routes`` answer what administrators ask."""

    def add(method: str, path: str, answer: Callable[[Request], Response | Streamed]) -> None:
        routes.add(method, path, _route(answer), admin=True)

    add("GET", "/api/v1/dead", lambda request: _list(administration, request))
    add("GET", "/api/v1/dead/*", lambda request: _show(administration, request))
    add("POST", "/api/v1/dead/retry", lambda request: _streamed(administration.retry, _chosen(request)))
    add("POST", "/api/v1/dead/drop", lambda request: _json({"dropped": administration.drop(_chosen(request))}))
    add("POST", "/api/v1/replay", lambda request: _streamed(administration.replay, _body(_decode_order, request)))
    add("GET", "/api/v1/handlers", lambda request: _json(administration.handlers()))
    add("POST", "/api/v1/handlers/pause", lambda request: _pause(administration, request, paused=True))
    add("POST", "/api/v1/handlers/resume", lambda request: _pause(administration, request, paused=False))
    add("POST", "/api/v1/handlers/forget", lambda request: _forget(administration, request))


def _route(answer: Callable[[Request], Response | Streamed]) -> Route:
    def route(request: Request, door: Door) -> Response | Streamed:
        try:
            return answer(request)
        except ValueError as error:
            raise MalformedInput(str(error)) from error

    return route


def _pause(administration: Administration, request: Request, *, paused: bool) -> Response:
    name, changed = administration.pause(_body(_decode_named, request).name, paused)
    return _json({"name": name, "paused": paused, "changed": changed})


def _forget(administration: Administration, request: Request) -> Response:
    name = _body(_decode_named, request).name
    try:
        administration.forget(name)
    except KeyError:
        hint = "eventd handlers list; those of plugins go on where they were for as long as they are installed"
        raise NotFound(f"there is no durable subscription {name[:MOST_QUOTED]!r}", hint=hint) from None
    return _json({"forgotten": name})


def _list(administration: Administration, request: Request) -> Response:
    chosen = Chosen(
        consumer=request.argument("consumer"),
        type=request.argument("type"),
        since=_moment(request.argument("since")),
        before=_moment(request.argument("before")),
    )
    after, limit = _number(request, "after", 0), min(_number(request, "limit", 100), MOST_LISTED)
    return _json(administration.dead_letters(chosen, after, limit))


def _show(administration: Administration, request: Request) -> Response:
    name = request.path.rpartition("/")[2]
    letter = administration.dead_letter(int(name)) if _is_number(name) else None
    if letter is None:
        raise NotFound(f"there is no dead letter {name[:MOST_QUOTED]!r}", hint="GET /api/v1/dead lists them")
    return _json(letter)


def _chosen(request: Request) -> Chosen:
    """Which dead letters the body means.

    :raises MalformedInput: when it means none, or all without saying so.
    """
    asked = _body(_decode_asked, request)
    criteria = (asked.ids, asked.consumer, asked.type, asked.since, asked.before)
    if asked.all != all(criterion is None for criterion in criteria):
        raise MalformedInput("say which dead letters", hint='by ids, consumer, type, since or before; or "all": true')
    if asked.ids is not None and len(asked.ids) > MOST_IDS:
        raise MalformedInput(f"more than {MOST_IDS} ids", hint="choose them otherwise, or in several requests")
    return Chosen(
        ids=asked.ids,
        consumer=asked.consumer,
        type=asked.type,
        since=_moment(asked.since),
        before=_moment(asked.before),
    )


def _body(decode: Callable[[bytes], T], request: Request) -> T:
    try:
        return decode(request.body or b"{}")
    except (msgspec.DecodeError, ValueError) as error:
        raise MalformedInput(f"the request's body: {error}") from error


def _moment(text: str | None) -> int | None:
    """A time in nanoseconds since 1970 UTC.

    :raises MalformedInput: when it is none, or does not say of which zone.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError
        return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000
    except (ValueError, OverflowError) as error:
        raise MalformedInput(f"{text[:MOST_QUOTED]!r} is not a time such as 2026-01-31T12:00:00Z") from error


def _number(request: Request, name: str, default: int) -> int:
    text = request.argument(name)
    if text is None:
        return default
    if not _is_number(text):
        raise MalformedInput(f"{name} is {text[:MOST_QUOTED]!r}, which is no number")
    return int(text)


def _is_number(text: str) -> bool:
    """Whether it is a number that SQLite can hold."""
    return text.isascii() and text.isdigit() and len(text) <= 18


def _streamed(answer: Callable[[T], Iterator[bytes]], asked: T) -> Streamed:
    return Streamed(200, [("Content-Type", NDJSON)], answer(asked))


def _json(document: object) -> Response:
    return Response(200, msgspec.json.encode(document), [("Content-Type", "application/json")])
