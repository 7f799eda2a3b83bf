from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd_github.attributes import source_of, subject_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.sampled_from(["repository", "organization", "sender", "installation", "issue", "ref", "alert", "account"])


@pytest.mark.parametrize(
    ("webhook", "payload", "subject"),
    [
        ("issues", {"issue": {"number": 7, "id": 1}}, "7"),
        ("issue_comment", {"issue": {"number": 7}, "comment": {"id": 1}}, "7"),
        ("pull_request", {"pull_request": {"number": 8}}, "8"),
        ("push", {"ref": "refs/heads/main"}, "refs/heads/main"),
        ("release", {"release": {"tag_name": "v1"}}, "v1"),
        ("workflow_run", {"workflow_run": {"name": "CI", "id": 5}}, "CI"),
        ("dependabot_alert", {"alert": {"number": 3}}, "3"),
        ("security_advisory", {"security_advisory": {"ghsa_id": "GHSA-1"}}, "GHSA-1"),
        ("organization", {"organization": {"login": "o"}, "membership": {"user": {"login": "u"}}}, "u"),
        ("organization", {"organization": {"login": "o"}}, "o"),
        ("ping", {"zen": "…"}, None),
        ("issues", {"issue": None}, None),
        ("issues", {"issue": {"number": True}}, None),
    ],
)
def test_the_subject_is_what_the_webhook_is_about(webhook, payload, subject):
    assert subject_of(webhook, payload) == subject


@pytest.mark.parametrize(
    ("payload", "source"),
    [
        ({"repository": {"html_url": "https://x/r"}, "organization": {"url": "https://x/o"}}, "https://x/r"),
        ({"organization": {"url": "https://x/o"}, "sender": {"html_url": "https://x/s"}}, "https://x/o"),
        ({"installation": {"account": {"html_url": "https://x/a"}}}, "https://x/a"),
        ({"sender": {"html_url": "https://x/s"}}, "https://x/s"),
        ({"repository": []}, "https://github.com"),
        ({}, "https://github.com"),
    ],
)
def test_the_source_is_the_narrowest_place_that_the_payload_names(payload, source):
    assert source_of(payload) == source


def test_every_recorded_webhook_has_a_source_and_nearly_all_a_subject(github_webhooks):
    without = {one["event"] for one in github_webhooks if subject_of(one["event"], one["payload"]) is None}

    assert all(source_of(one["payload"]).startswith("http") for one in github_webhooks)
    assert without <= {"ping", "meta", "github_app_authorization"}


@given(payload=st.dictionaries(MEMBERS, JSON), webhook=st.sampled_from(["issues", "organization", "dependabot_alert"]))
def test_no_payload_is_too_strange(payload, webhook):
    assert source_of(payload)
    assert subject_of(webhook, payload) != ""
