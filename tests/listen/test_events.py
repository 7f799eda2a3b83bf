"""``/events``: the three content modes, and the handshake of webhooks."""

from __future__ import annotations

import json

import pytest

from eventd import green
from eventd.errors import EventdError, InvalidEvent, JournalUnavailable, MalformedInput, UnsupportedFormat
from eventd.event import Draft, Encoding
from eventd.listen.events import MOST_RATE, Outcome, deliver, post_events, validate_webhook
from eventd.protocol.messages import Request
from tests.listen.world import EVENT, MANY, World, on_hub, others_ran

BATCH = "application/cloudevents-batch+json"


def post(body: object, **headers: str) -> Request:
    lines = [(name.lower().replace("_", "-"), value) for name, value in headers.items()]
    encoded = json.dumps(body).encode()
    return Request(method="POST", path="/events", target="/events", headers=lines, body=encoded)


def ask(**headers: str) -> Request:
    lines = [(name.lower().replace("_", "-"), value) for name, value in headers.items()]
    return Request(method="OPTIONS", path="/events", target="/events", headers=lines)


@pytest.mark.parametrize(
    ("request_", "count"),
    [
        (post(EVENT, content_type="application/cloudevents+json"), 1),
        (post([EVENT, EVENT], content_type=BATCH), 2),
        (post([], content_type=BATCH), 0),
        (post({"celsius": 21}, ce_specversion="1.0", ce_id="1", ce_source="/s", ce_type="a.b"), 1),
    ],
    ids=["structured", "batch", "empty batch", "binary"],
)
@on_hub
def test_events_of_each_mode_are_read_and_where_there_are_none_204_is_given(request_: Request, count: int) -> None:
    with World() as world:
        answer = post_events(request_, world.door)
        assert answer.count == count if isinstance(answer, Draft) else (answer.status, count) == (204, 0)


@on_hub
def test_events_are_durable_when_they_are_delivered() -> None:
    with World() as world:
        draft = post_events(post(EVENT, content_type="application/cloudevents+json"), world.door)
        assert isinstance(draft, Draft)
        assert deliver(world.door, draft) == 1
        assert world.count == 1


@on_hub
def test_one_bad_event_refuses_its_whole_batch() -> None:
    with World() as world:
        with pytest.raises(InvalidEvent) as raised:
            post_events(post([EVENT, EVENT | {"id": 1}], content_type=BATCH), world.door)
        assert raised.value.index == 1
        assert world.count == 0


@on_hub
def test_what_is_no_cloudevent_is_refused() -> None:
    with World() as world:
        for request, error in [
            (post(EVENT, content_type="application/cloudevents+xml"), UnsupportedFormat),
            (post(EVENT, content_type="text/plain"), EventdError),
        ]:
            with pytest.raises(error):
                post_events(request, world.door)


@on_hub
def test_the_journals_refusal_reaches_the_one_who_waits() -> None:
    with World() as world:
        world.refusal = JournalUnavailable("no space left")
        with pytest.raises(JournalUnavailable):
            deliver(world.door, Draft(Encoding.JSON, 1, ("a.b",), b"{}"))


@on_hub
def test_an_outcome_that_is_known_already_is_not_waited_for() -> None:
    outcome = Outcome()
    outcome.done(7, None)
    assert outcome.wait() == 7
    later = Outcome()
    green.hub().call_soon(lambda: later.done(8, None))
    assert later.wait() == 8


@on_hub
def test_a_webhooks_sender_is_agreed_with() -> None:
    with World() as world:
        response = validate_webhook(ask(webhook_request_origin="example.com", webhook_request_rate="120"), world.door)
        assert response.status == 204
        assert dict(response.headers) == {
            "Allow": "POST, OPTIONS",
            "WebHook-Allowed-Origin": "example.com",
            "WebHook-Allowed-Rate": "120",
        }


@on_hub
def test_the_agreed_rate_is_bounded_and_only_told_who_asks() -> None:
    with World() as world:
        greedy = validate_webhook(ask(webhook_request_origin="e.com", webhook_request_rate="9" * 15), world.door)
        assert dict(greedy.headers)["WebHook-Allowed-Rate"] == str(MOST_RATE)
        modest = validate_webhook(ask(webhook_request_origin="e.com"), world.door)
        assert "WebHook-Allowed-Rate" not in dict(modest.headers)


@on_hub
def test_options_without_an_origin_only_says_what_is_allowed() -> None:
    with World() as world:
        response = validate_webhook(ask(), world.door)
        assert list(response.headers) == [("Allow", "POST, OPTIONS")]


@pytest.mark.parametrize("origin", ["", "e.com\tx", "e com", "\xff", "x" * 300])
@on_hub
def test_an_origin_that_cannot_be_sent_back_is_refused(origin: str) -> None:
    with World() as world, pytest.raises(MalformedInput):
        validate_webhook(ask(webhook_request_origin=origin), world.door)


@pytest.mark.parametrize("rate", ["0", "-1", "1.5", "many", "", "9" * 5000])
@on_hub
def test_a_rate_that_is_no_positive_number_is_refused(rate: str) -> None:
    with World() as world, pytest.raises(MalformedInput):
        validate_webhook(ask(webhook_request_origin="e.com", webhook_request_rate=rate), world.door)


@on_hub
def test_others_have_their_turn_while_a_large_batch_is_read() -> None:
    with World() as world:
        assert others_ran(lambda: post_events(post(MANY, content_type=BATCH), world.door))
