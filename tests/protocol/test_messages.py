"""Requests and responses as plugins see them."""

from __future__ import annotations

from eventd.protocol.messages import Request, Response


def test_headers_are_found_in_any_case() -> None:
    request = Request(method="GET", path="/", target="/", headers=[("x-hub-signature", "a"), ("x-hub-signature", "b")])
    assert request.header("X-Hub-Signature") == "a"
    assert request.header("absent") is None
    assert request.header("absent", "default") == "default"


def test_the_last_argument_counts() -> None:
    request = Request(method="GET", path="/", target="/?a=1&a=2", query={"a": ["1", "2"]})
    assert request.argument("a") == "2"
    assert request.argument("b") is None
    assert request.argument("b", "default") == "default"


def test_requests_share_nothing() -> None:
    one, other = (Request(method="GET", path="/", target="/") for _ in range(2))
    one.headers.append(("a", "b"))
    one.query["a"] = ["b"]
    assert (other.headers, other.query) == ([], {})


def test_an_empty_response_is_a_success() -> None:
    assert Response() == Response(200, b"", ())
