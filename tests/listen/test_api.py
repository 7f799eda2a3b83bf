"""Which path is answered by what."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from eventd.errors import JournalUnavailable, MalformedInput, NotAllowed
from eventd.listen.routes import Streamed
from eventd.protocol.messages import Request, Response
from tests.listen.world import World, on_hub


def get(world: World, path: str, **query: list[str]) -> Response:
    response = world.routes.answer(Request(method="GET", path=path, target=path, query=query), world.door)
    assert isinstance(response, Response)
    return response


def follow(world: World, **query: list[str]) -> Streamed:
    request = Request(method="GET", path="/api/v1/events", target="/api/v1/events", query=query)
    response = world.routes.answer(request, world.door)
    assert isinstance(response, Streamed)
    return response


@on_hub
def test_it_lives_while_it_answers_and_is_ready_while_nothing_ails_it() -> None:
    with World() as world:
        assert json.loads(get(world, "/healthz").body) == {"alive": True}
        assert get(world, "/readyz").status == 200
        world.refusal = JournalUnavailable("the disk is full")
        unready = get(world, "/readyz")
        assert unready.status == 503
        assert json.loads(unready.body) == {"ready": False, "reasons": ["the disk is full"]}
        assert get(world, "/healthz").status == 200


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
        ("/api/v1/status", "application/json"),
        ("/healthz", "application/json"),
    ],
)
@on_hub
def test_everybody_may_see_how_it_does(path: str, kind: str) -> None:
    with World() as world:
        response = get(world, path)
        assert response.status == 200
        assert dict(response.headers)["Content-Type"] == kind


@on_hub
def test_the_page_may_load_nothing_from_elsewhere() -> None:
    with World() as world:
        headers = dict(get(world, "/").headers)
        assert headers["Content-Security-Policy"].startswith("default-src 'none';")
        assert "http" not in headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/api/v1/plugins", "/api/v1/events"])
@on_hub
def test_what_others_sent_is_for_administrators(path: str) -> None:
    with World() as world, pytest.raises(NotAllowed):
        get(world, path)


@on_hub
def test_following_asks_for_what_the_query_says() -> None:
    asked: list[tuple[list[str], str, bool]] = []

    def lines(types: list[str], start: str, forever: bool) -> Iterator[bytes]:
        asked.append((types, start, forever))
        return iter([b"line\n"])

    with World(admin=True) as world:
        world.lines = lines
        assert list(follow(world).chunks) == [b"line\n"]
        follow(world, types=["a.>", "b"], **{"from": ["earliest"], "follow": ["0"]})
        assert asked == [([">"], "now", True), (["a.>", "b"], "earliest", False)]
        assert follow(world).headers == [("Content-Type", "application/x-ndjson")]


@on_hub
def test_a_place_that_cannot_be_understood_is_the_askers_fault() -> None:
    def lines(types: list[str], start: str, forever: bool) -> Iterator[bytes]:
        raise ValueError(f"no time: {start}")

    with World(admin=True) as world:
        world.lines = lines
        with pytest.raises(MalformedInput, match="no time: soon") as raised:
            follow(world, **{"from": ["soon"]})
        assert str(raised.value)
