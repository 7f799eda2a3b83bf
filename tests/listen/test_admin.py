"""What administrators may ask, and in which words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from eventd.errors import EventdError, MalformedInput, NotAllowed, NotFound
from eventd.listen.admin import Administration, Chosen, Order, add_admin_routes
from eventd.listen.routes import Routes, Streamed
from eventd.protocol.messages import Request, Response
from tests.listen.world import World, on_hub

LETTER = {"id": 7, "reason": "ValueError: no"}


class Parts:
    """What stands behind the routes; ``asked`` has what came there."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.routes = Routes()
        add_admin_routes(
            self.routes,
            Administration(
                dead_letters=lambda chosen, after, limit: self._note((chosen, after, limit), [LETTER]),
                dead_letter=lambda number: self._note(number, LETTER if number == 7 else None),
                retry=lambda chosen: self._note(chosen, iter([b'{"settled":1}\n'])),
                drop=lambda chosen: self._note(chosen, 3),
                replay=self._replay,
                handlers=lambda: [{"name": "handler:a"}],
                pause=lambda name, paused: self._note((name, paused), (f"handler:{name}", paused)),
                forget=self._forget,
            ),
        )

    def _note(self, asked: Any, answer: Any) -> Any:
        self.asked.append(asked)
        return answer

    def _replay(self, order: Order) -> Iterator[bytes]:
        if order.handler == "nobody":
            raise ValueError("no handler is called nobody")
        self.asked.append(order)
        return iter([b"{}\n"])

    def _forget(self, name: str) -> None:
        if name == "nobody":
            raise KeyError(name)
        if name == "busy":
            raise ValueError("busy has 2 members")
        self.asked.append(name)

    def ask(self, method: str, path: str, body: Any = None, *, admin: bool = True, **query: str) -> Response | Streamed:
        request = Request(
            method=method, path=path, target=path, query={key: [value] for key, value in query.items()},
            body=b"" if body is None else json.dumps(body).encode(),
        )  # fmt: skip
        with World(admin=admin) as world:
            return self.routes.answer(request, world.door)


@on_hub
def test_a_durable_subscription_is_forgotten_by_its_name() -> None:
    parts = Parts()
    response = parts.ask("POST", "/api/v1/handlers/forget", {"name": "work"})

    assert json.loads(response.body) == {"forgotten": "work"}
    assert parts.asked == ["work"]


@on_hub
@pytest.mark.parametrize(("name", "error"), [("nobody", NotFound), ("busy", MalformedInput)])
def test_what_cannot_be_forgotten_is_told(name: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=name):
        Parts().ask("POST", "/api/v1/handlers/forget", {"name": name})


@on_hub
def test_a_handler_is_paused_and_resumed_by_its_name() -> None:
    parts = Parts()
    answers = [
        parts.ask("POST", f"/api/v1/handlers/{order}", {"name": "a"})
        for order in ("pause", "resume")
    ]  # fmt: skip

    assert parts.asked == [("a", True), ("a", False)]
    assert [json.loads(answer.body) for answer in answers if isinstance(answer, Response)] == [
        {"name": "handler:a", "paused": True, "changed": True},
        {"name": "handler:a", "paused": False, "changed": False},
    ]


@on_hub
def test_dead_letters_are_listed_by_what_the_query_says() -> None:
    parts = Parts()
    response = parts.ask(
        "GET", "/api/v1/dead", consumer="handler:a", type="a.b", after="5", limit="10",
        since="1970-01-01T00:00:01.5Z", before="1970-01-01T01:00:02+01:00",
    )  # fmt: skip
    assert isinstance(response, Response)
    assert json.loads(response.body) == [LETTER]
    chosen = Chosen(consumer="handler:a", type="a.b", since=1_500_000_000, before=2_000_000_000)
    assert parts.asked == [(chosen, 5, 10)]


@on_hub
def test_an_answer_is_never_longer_than_its_bound() -> None:
    parts = Parts()
    parts.ask("GET", "/api/v1/dead", limit="1000000000")
    assert parts.asked == [(Chosen(), 0, 1000)]


@on_hub
def test_one_dead_letter_is_shown_or_not_found() -> None:
    parts = Parts()
    response = parts.ask("GET", "/api/v1/dead/7")
    assert isinstance(response, Response)
    assert json.loads(response.body) == LETTER
    for path in ("/api/v1/dead/8", "/api/v1/dead/x", "/api/v1/dead/" + "9" * 40, "/api/v1/dead/٣"):
        with pytest.raises(NotFound, match="there is no dead letter"):
            parts.ask("GET", path)


@on_hub
def test_letters_are_retried_and_dropped_as_the_body_chooses() -> None:
    parts = Parts()
    streamed = parts.ask("POST", "/api/v1/dead/retry", {"ids": [1, 2]})
    assert isinstance(streamed, Streamed)
    assert list(streamed.chunks) == [b'{"settled":1}\n']
    dropped = parts.ask("POST", "/api/v1/dead/drop", {"consumer": "handler:a", "before": "1970-01-01T00:00:01Z"})
    assert isinstance(dropped, Response)
    assert json.loads(dropped.body) == {"dropped": 3}
    parts.ask("POST", "/api/v1/dead/drop", {"all": True})
    assert parts.asked == [Chosen(ids=[1, 2]), Chosen(consumer="handler:a", before=1_000_000_000), Chosen()]


@pytest.mark.parametrize(
    "body",
    [
        None, {}, [], {"all": False}, {"all": True, "ids": [1]}, {"ids": ["1"]}, {"ids": list(range(10_001))},
        {"since": "yesterday"}, {"since": "2026-01-31T12:00:00"}, {"handler": "a"},
    ],
)  # fmt: skip
@on_hub
def test_a_body_that_does_not_choose_clearly_touches_nothing(body: Any) -> None:
    parts = Parts()
    with pytest.raises(MalformedInput):
        parts.ask("POST", "/api/v1/dead/drop", body)
    assert parts.asked == []


@on_hub
def test_what_is_no_json_or_no_number_is_the_askers_fault() -> None:
    parts = Parts()
    for name, value in (("limit", "many"), ("after", "-1"), ("since", "2026-13-31T12:00:00Z")):
        query: Any = {name: value}
        with pytest.raises(MalformedInput):
            parts.ask("GET", "/api/v1/dead", **query)
    with World(admin=True) as world, pytest.raises(MalformedInput, match="the request's body"):
        request = Request(method="POST", path="/api/v1/replay", target="/api/v1/replay", body=b"\xff{")
        parts.routes.answer(request, world.door)


@on_hub
def test_a_replay_is_ordered_with_everything_or_with_little() -> None:
    parts = Parts()
    parts.ask("POST", "/api/v1/replay", {"handler": "a"})
    order = {"handler": "a", "from": "5", "to": "2026-01-31T12:00:00Z", "types": ["a.>"], "dry_run": True}
    parts.ask("POST", "/api/v1/replay", order)
    assert parts.asked == [
        Order(handler="a", start="earliest", end="now"),
        Order(handler="a", start="5", end="2026-01-31T12:00:00Z", types=["a.>"], dry_run=True),
    ]
    with pytest.raises(EventdError, match="no handler is called nobody"):
        parts.ask("POST", "/api/v1/replay", {"handler": "nobody"})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/dead"), ("GET", "/api/v1/dead/7"), ("POST", "/api/v1/dead/retry"),
        ("POST", "/api/v1/dead/drop"), ("POST", "/api/v1/replay"), ("GET", "/api/v1/handlers"),
        ("POST", "/api/v1/handlers/pause"), ("POST", "/api/v1/handlers/resume"),
    ],
)  # fmt: skip
@on_hub
def test_nobody_else_may_ask(method: str, path: str) -> None:
    with pytest.raises(NotAllowed):
        Parts().ask(method, path, {"all": True}, admin=False)
