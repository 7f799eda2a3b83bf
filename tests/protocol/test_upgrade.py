"""The opening handshake of a WebSocket."""

from __future__ import annotations

import pytest

from eventd.errors import MalformedInput, NotAllowed, UnsupportedFormat
from eventd.protocol.messages import Request
from eventd.protocol.upgrade import handshake

SPOKEN = ("eventd.v1.msgpack", "eventd.v1.json", "cloudevents.json")
HEADERS = {
    "host": "h",
    "upgrade": "websocket",
    "connection": "keep-alive, Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def ask(**headers: str | None) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    pairs = [(name, value) for name, value in (HEADERS | named).items() if value is not None]
    return Request(method="GET", path="/", target="/", headers=pairs)


def test_the_answer_is_that_of_rfc_6455() -> None:
    response, subprotocol, deflate = handshake(ask(), SPOKEN)
    assert response.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in response
    assert b"Protocol:" not in response
    assert (subprotocol, deflate) == (None, 0)


def test_the_clients_first_choice_that_is_spoken_here_is_taken() -> None:
    request = ask(sec_websocket_protocol="mqtt, eventd.v1.json, eventd.v1.msgpack")
    agreed = handshake(request, SPOKEN)
    assert agreed.subprotocol == "eventd.v1.json"
    assert b"Sec-WebSocket-Protocol: eventd.v1.json\r\n" in agreed.response


def test_subprotocols_of_which_none_is_spoken_are_refused_with_those_that_are() -> None:
    with pytest.raises(UnsupportedFormat) as caught:
        handshake(ask(sec_websocket_protocol="mqtt"), SPOKEN)
    assert "cloudevents.json" in str(caught.value)


@pytest.mark.parametrize(
    ("offer", "window"),
    [
        ("permessage-deflate", 12),
        ("permessage-deflate; client_max_window_bits", 12),
        ("permessage-deflate; server_max_window_bits=10", 10),
        ("x-webkit-deflate-frame, permessage-deflate", 12),
        ("permessage-deflate; server_max_window_bits=8", 0),
        ("permessage-deflate; unheard_of=1", 0),
        ("x-webkit-deflate-frame", 0),
    ],
)
def test_compression_is_agreed_on_without_context_takeover(offer: str, window: int) -> None:
    agreed = handshake(ask(sec_websocket_extensions=offer), SPOKEN)
    assert agreed.deflate == window
    assert (b"server_no_context_takeover; client_no_context_takeover" in agreed.response) is bool(window)


def test_compression_can_be_turned_off() -> None:
    agreed = handshake(ask(sec_websocket_extensions="permessage-deflate"), SPOKEN, deflate=False)
    assert agreed.deflate == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"upgrade": None},
        {"connection": "close"},
        {"sec_websocket_key": None},
        {"sec_websocket_key": "c2hvcnQ="},
        {"sec_websocket_key": "not base64 at all"},
        {"sec_websocket_version": "8"},
        {"sec_websocket_version": None},
        {"sec_websocket_extensions": ";;;"},
        {"sec_websocket_protocol": '"bad" ,'},
    ],
)
def test_what_is_no_handshake_is_refused(wrong: dict[str, str | None]) -> None:
    with pytest.raises(MalformedInput):
        handshake(ask(**wrong), SPOKEN)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, ()),
        ("http://h", ()),
        ("https://H", ()),
        ("https://shop.example", ("https://shop.example",)),
        ("https://Shop.example", ("https://other.example", "https://shop.example")),
        ("null", ("null",)),
        ("http://evil.example", ("*",)),
    ],
)
def test_pages_of_our_own_host_and_those_allowed_may_open_one(origin: str | None, allowed: tuple[str, ...]) -> None:
    assert handshake(ask(origin=origin), SPOKEN, origins=allowed).response.startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "http://h.evil.example", "http://h:81", "http://evil.example/h", "null", "", "h", "http://[h"],
)
def test_pages_of_others_may_not(origin: str) -> None:
    with pytest.raises(NotAllowed) as caught:
        handshake(ask(origin=origin), SPOKEN, origins=("https://shop.example",))
    assert (caught.value.reason, caught.value.http_status) == ("foreign_origin", 403)


def test_a_request_without_a_host_has_no_own_pages() -> None:
    with pytest.raises(NotAllowed):
        handshake(ask(origin="null", host=None), SPOKEN)


def test_what_is_remembered_of_one_request_is_no_answer_to_another() -> None:
    offers = [None, "eventd.v1.json", "eventd.v1.msgpack", "cloudevents.json, eventd.v1.json"]
    for _ in range(2):
        agreed = [handshake(ask(sec_websocket_protocol=offer), SPOKEN).subprotocol for offer in offers]
        assert agreed == [None, "eventd.v1.json", "eventd.v1.msgpack", "cloudevents.json"]
        with pytest.raises(UnsupportedFormat):
            handshake(ask(sec_websocket_protocol="eventd.v1.json"), ["another"])
        assert handshake(ask(sec_websocket_extensions="permessage-deflate"), SPOKEN).deflate
        assert not handshake(ask(sec_websocket_extensions="permessage-deflate"), SPOKEN, deflate=False).deflate


def test_each_key_has_its_own_answer() -> None:
    for key, accept in [("dGhlIHNhbXBsZSBub25jZQ==", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
                        ("AAAAAAAAAAAAAAAAAAAAAA==", b"ICX+Yqv66kxgM0FcWaLWlFLwTAI=")]:  # fmt: skip
        assert b"Sec-WebSocket-Accept: " + accept in handshake(ask(sec_websocket_key=key), SPOKEN).response


def test_two_keys_are_none() -> None:
    request = ask()
    request.headers = [*request.headers, ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA==")]
    with pytest.raises(MalformedInput, match="Key"):
        handshake(request, SPOKEN)
