from __future__ import annotations

from eventd_github.types import EVENT_TYPES, GitHubEvent

PAYLOAD = {
    "action": "opened",
    "repository": {"full_name": "octocat/hello-world"},
    "organization": {"login": "github"},
    "sender": {"login": "octocat"},
}


def test_each_webhook_has_a_class_that_tells_what_it_is():
    assert len({cls.type for cls in EVENT_TYPES}) == len(EVENT_TYPES) > 70
    assert all(cls.__doc__.endswith(".") for cls in EVENT_TYPES)
    assert {cls.__name__: cls.type for cls in EVENT_TYPES}["PullRequestReview"] == "com.github.pull_request_review"


def test_what_all_webhooks_have_is_at_hand():
    event = GitHubEvent("com.github.issues", PAYLOAD)

    assert (event.action, event.repository, event.organization, event.sender) == (
        "opened",
        "octocat/hello-world",
        "github",
        "octocat",
    )


def test_what_a_webhook_does_not_have_is_none():
    for data in ({}, {"action": 1, "repository": None, "sender": "octocat"}, None, "text"):
        event = GitHubEvent("com.github.issues", data)

        assert (event.action, event.repository, event.organization, event.sender) == (None, None, None, None)
