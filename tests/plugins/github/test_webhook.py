from __future__ import annotations

import contextlib
import logging
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd import Request
from eventd.errors import ClientError, MalformedInput, NotAllowed, UnsupportedFormat
from eventd_github import EVENT_TYPES, GitHub
from eventd_github.webhook import sign
from tests.support.plugins import KeepingEmitter

PUSH = {"ref": "refs/heads/main", "repository": {"html_url": "https://github.com/octocat/hello-world"}}


def test_a_delivery_becomes_an_event(github, delivery, emit):
    answer = github().receive(delivery(PUSH), emit)
    [event] = emit.events

    assert answer is None
    assert event.attributes == {
        "type": "com.github.push",
        "id": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "source": "https://github.com/octocat/hello-world",
        "subject": "refs/heads/main",
        "datacontenttype": "application/json",
    }
    assert event.data == PUSH


def test_the_signature_is_the_one_that_github_documents():
    assert (
        sign("It's a Secret to Everybody", b"Hello, World!")
        == "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    )


def test_every_recorded_webhook_comes_in_as_it_is_by_either_content_type(github, delivery, emit, github_webhooks):
    door = github()
    for webhook in github_webhooks:
        text = msgspec.json.encode(webhook["payload"])
        door.receive(delivery(text, webhook["event"]), emit)
        form = urlencode({"payload": text}).encode()
        door.receive(delivery(form, webhook["event"], content_type="application/x-www-form-urlencoded"), emit)

    expected = [webhook for webhook in github_webhooks for _ in range(2)]
    assert [event.data for event in emit.events] == [webhook["payload"] for webhook in expected]
    assert [event.type for event in emit.events] == ["com.github." + webhook["event"] for webhook in expected]


def test_every_recorded_webhook_has_an_event_type_of_its_own(github, delivery, emit, github_webhooks):
    for webhook in github_webhooks:
        github().receive(delivery(webhook["payload"], webhook["event"]), emit)

    assert {type(event) for event in emit.events} <= set(EVENT_TYPES)


def test_a_webhook_that_github_adds_later_comes_in_too(github, delivery, emit):
    github().receive(delivery({"action": "done"}, "brand_new"), emit)

    assert emit.events[0].type == "com.github.brand_new"


def test_without_a_secret_all_is_refused_with_a_hint(github, delivery, emit, caplog):
    caplog.set_level("INFO")
    door = github(secret="")
    door.start()

    with pytest.raises(NotAllowed) as refused:
        door.receive(delivery(PUSH, secret=""), emit)
    assert refused.value.hint == "set secret in [source:github]"
    assert emit.events == []
    assert "refuses everything until [source:github] has a secret" in caplog.text


@pytest.mark.parametrize(
    "signature",
    [None, "", "sha256=", "sha256=" + "0" * 64, "sha1=" + "0" * 40, "x", "sha256=é", "sha256=\udcff"],
)
def test_a_signature_that_does_not_fit_is_refused(github, delivery, emit, signature):
    with pytest.raises(NotAllowed, match="X-Hub-Signature-256"):
        github().receive(delivery(PUSH, x_hub_signature_256=signature), emit)

    assert emit.events == []


def test_a_body_that_was_changed_on_the_way_is_refused(github, delivery, emit):
    request = delivery(PUSH)
    request.body = request.body.replace(b"main", b"evil")

    with pytest.raises(NotAllowed, match="does not fit"):
        github().receive(request, emit)


def test_the_secret_before_still_counts_while_it_is_set(github, delivery, emit):
    github(secret="new", previous_secret="old").receive(delivery(PUSH, secret="old"), emit)
    github(secret="new", previous_secret="old").receive(delivery(PUSH, secret="new"), emit)

    assert len(emit.events) == 2
    with pytest.raises(NotAllowed):
        github(secret="new").receive(delivery(PUSH, secret="old"), emit)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"text"', b"null", b"\xff", b'{"a":1}x', b"[" * 100_000, b'{"a":"\\ud800"}', b"{'a':1}"],
)
def test_a_body_that_is_no_json_object_is_malformed(github, delivery, emit, body):
    with pytest.raises(MalformedInput):
        github().receive(delivery(body), emit)

    assert emit.events == []


@pytest.mark.parametrize(
    "form",
    [b"", b"payload", b"payload=%7B", b"other=%7B%7D", b"payload=%7B%7D&payload=%7B%7D", b"payload=%ff", b"\xff",
     b"&".join(b"a%d=1" % n for n in range(50))],
)  # fmt: skip
def test_a_form_that_holds_no_payload_is_malformed(github, delivery, emit, form):
    with pytest.raises(MalformedInput):
        github().receive(delivery(form, content_type="application/x-www-form-urlencoded"), emit)


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "application/xml"])
def test_another_content_type_is_unsupported(github, delivery, emit, content_type):
    with pytest.raises(UnsupportedFormat, match="is not what GitHub sends"):
        github().receive(delivery(PUSH, content_type=content_type), emit)


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_parameters_and_case_of_the_content_type_do_not_matter(github, delivery, emit, content_type):
    github().receive(delivery(PUSH, content_type=content_type), emit)

    assert len(emit.events) == 1


@pytest.mark.parametrize("header", ["x_github_event", "x_github_delivery"])
@pytest.mark.parametrize("value", [None, "", "two words", "a.b\n", "x" * 200])
def test_a_header_that_github_would_not_send_is_malformed(github, delivery, emit, header, value):
    with pytest.raises(MalformedInput, match="X-GitHub-"):
        github().receive(delivery(PUSH, **{header: value}), emit)


def test_other_methods_are_told_to_post(github, emit):
    answer = github().receive(Request(method="GET", path="/hooks/github", target="/hooks/github"), emit)

    assert answer.status == 405
    assert ("Allow", "POST") in answer.headers


def test_the_first_ping_is_told_in_the_log(github, delivery, emit, caplog):
    caplog.set_level("INFO")
    github().receive(delivery({"zen": "Keep it logically awesome.", **PUSH}, "ping"), emit)

    assert "a webhook of https://github.com/octocat/hello-world points here" in caplog.text
    assert emit.events[0].type == "com.github.ping"


@given(
    body=st.binary(max_size=200),
    content_type=st.sampled_from(["application/json", "application/x-www-form-urlencoded"]),
)
def test_no_signed_body_is_more_than_refused(body, content_type):
    headers = [
        ("content-type", content_type),
        ("x-github-event", "push"),
        ("x-github-delivery", "1"),
        ("x-hub-signature-256", sign("s", body)),
    ]
    request = Request(method="POST", path=GitHub.path, target=GitHub.path, headers=headers, body=body)
    emit = KeepingEmitter()
    with contextlib.suppress(ClientError):
        GitHub(GitHub.Config(secret="s"), logging.getLogger("eventd.source.github")).receive(request, emit)

    assert all(isinstance(event.data, dict) for event in emit.events)
