"""What of a webhook's payload becomes an attribute of its event: ``source`` and ``subject``."""

from __future__ import annotations

from typing import Any

__all__ = ["source_of", "subject_of"]

#: Where the event happened: the first of these that the payload has.
SOURCES = (
    ("repository", "html_url"),
    ("repository", "url"),
    ("organization", "url"),
    ("enterprise", "html_url"),
    ("installation", "html_url"),
    ("installation", "account", "html_url"),
    ("sender", "html_url"),
)

#: For webhooks that tell of nothing and nobody, such as ``security_advisory``.
ELSEWHERE = "https://github.com"

#: What it is about, for the webhooks that do not have it in a member of their own name.
SUBJECTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "commit_comment": (("comment", "commit_id"),),
    "create": (("ref",),),
    "delete": (("ref",),),
    "deployment_review": (("workflow_run", "id"),),
    "deployment_status": (("deployment", "id"),),
    "discussion_comment": (("discussion", "number"),),
    "fork": (("forkee", "full_name"),),
    "issue_comment": (("issue", "number"),),
    "issues": (("issue", "number"),),
    "member": (("member", "login"),),
    "organization": (("membership", "user", "login"), ("organization", "login")),
    "org_block": (("blocked_user", "login"),),
    "pull_request_review": (("pull_request", "number"),),
    "pull_request_review_comment": (("pull_request", "number"),),
    "pull_request_review_thread": (("pull_request", "number"),),
    "push": (("ref",),),
    "release": (("release", "tag_name"),),
    "repository": (("repository", "full_name"),),
    "repository_vulnerability_alert": (("alert", "number"), ("alert", "id")),
    "status": (("sha",),),
    "team_add": (("team", "slug"),),
}

#: How things are called, the best name first.
NAMES = ("number", "slug", "login", "name", "ghsa_id", "id", "node_id")

#: Members that hold what a webhook of a longer name is about.
HOLDERS = ("alert", "rule", "installation", "key")


def source_of(payload: dict[str, Any]) -> str:
    """The URL of the repository, organization or account in which it happened."""
    for path in SOURCES:
        found = _text(payload, path)
        if found:
            return found
    return ELSEWHERE


def subject_of(webhook: str, payload: dict[str, Any]) -> str | None:
    """What the event is about, within its source: a number, a name, a ref."""
    paths = SUBJECTS.get(webhook) or [(holder, name) for holder in (webhook, *HOLDERS) for name in NAMES]
    return next((found for path in paths if (found := _text(payload, path))), None)


def _text(value: Any, path: tuple[str, ...]) -> str | None:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None
