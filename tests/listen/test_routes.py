"""The table of routes finds who answers, and says why nobody does."""

from __future__ import annotations

import pytest

from eventd.errors import EventdError, NotAllowed, NotFound, RateLimited
from eventd.listen.door import Door
from eventd.listen.routes import MethodNotAllowed, Routes
from eventd.protocol.messages import Request, Response
from tests.listen.world import World, on_hub


def ask(method: str, path: str) -> Request:
    return Request(method=method, path=path, target=path)


def ok(request: Request, door: Door) -> Response:
    return Response(204)


@pytest.fixture
def routes() -> Routes:
    routes = Routes()
    routes.add("GET", "/open", ok)
    routes.add("POST", "/open", ok)
    routes.add("GET", "/admin", ok, admin=True)
    return routes


def test_the_method_and_the_path_choose(routes: Routes) -> None:
    assert routes.find(ask("GET", "/open"), admin=False) is ok
    assert routes.find(ask("HEAD", "/open"), admin=False) is ok


def test_two_cannot_answer_the_same(routes: Routes) -> None:
    with pytest.raises(ValueError, match="GET /open is taken"):
        routes.add("GET", "/open", ok)


def test_a_star_stands_for_any_last_part_that_has_no_route_of_its_own(routes: Routes) -> None:
    def special(request: Request, door: Door) -> Response:
        return Response(200)

    routes.add("GET", "/letters/*", ok)
    routes.add("GET", "/letters/new", special)
    assert routes.find(ask("GET", "/letters/7"), admin=False) is ok
    assert routes.find(ask("GET", "/letters/new"), admin=False) is special
    for path in ("/letters", "/letters/7/more"):
        with pytest.raises(NotFound):
            routes.find(ask("GET", path), admin=False)


def test_an_unknown_path_is_not_found_and_told_in_short(routes: Routes) -> None:
    with pytest.raises(NotFound) as raised:
        routes.find(ask("GET", "/" + "x" * 10_000), admin=True)
    assert len(raised.value.message) < 300


def test_another_method_is_told_what_is_allowed(routes: Routes) -> None:
    with pytest.raises(MethodNotAllowed) as raised:
        routes.find(ask("DELETE", "/open"), admin=False)
    assert raised.value.allowed == ["GET", "HEAD", "POST"]


def test_what_is_for_administrators_is_for_trusted_listeners_only(routes: Routes) -> None:
    with pytest.raises(NotAllowed):
        routes.find(ask("GET", "/admin"), admin=False)
    assert routes.find(ask("GET", "/admin"), admin=True) is ok


@on_hub
def test_what_a_route_raises_on_purpose_is_passed_on_and_the_rest_is_ours(
    routes: Routes, caplog: pytest.LogCaptureFixture
) -> None:
    def limited(request: Request, door: Door) -> Response:
        raise RateLimited("slowly")

    def broken(request: Request, door: Door) -> Response:
        raise KeyError("secret")

    routes.add("GET", "/limited", limited)
    routes.add("GET", "/broken", broken)
    with World() as world:
        with pytest.raises(RateLimited):
            routes.answer(ask("GET", "/limited"), world.door)
        with pytest.raises(EventdError) as raised:
            routes.answer(ask("GET", "/broken"), world.door)
        assert raised.value.http_status == 500
        assert "secret" not in str(raised.value)
        assert "GET /broken failed" in caplog.text


def test_what_counts_as_an_event_of_its_sender_is_known_before_it_is_answered(routes: Routes) -> None:
    routes.add("POST", "/hooks/*", ok, metered=True)
    asked = [("POST", "/hooks/a"), ("GET", "/hooks/a"), ("POST", "/open"), ("POST", "/nowhere")]
    assert [routes.metered(ask(*each)) for each in asked] == [True, False, False, False]
