"""The event types: ``com.github.`` and the name of the webhook, one class for each.

The payload is GitHub's, unchanged: it grows without notice, so that no schema stands
in its way. A webhook that is newer than this list comes in all the same, as a plain
event of its type.
"""

from __future__ import annotations

from typing import Any

from eventd import Event

__all__ = ["EVENT_TYPES", "PREFIX", "GitHubEvent"]

#: Goes before a webhook's name in its event's type.
PREFIX = "com.github."


class GitHubEvent(Event):
    """What all webhooks have in common. ``None`` is what this one does not have."""

    @property
    def action(self) -> str | None:
        """What was done: ``opened``, ``created`` and so on."""
        return self._member("action")

    @property
    def repository(self) -> str | None:
        """The repository's full name, such as ``octocat/hello-world``."""
        return self._member("repository", "full_name")

    @property
    def organization(self) -> str | None:
        """The organization's login."""
        return self._member("organization", "login")

    @property
    def sender(self) -> str | None:
        """The login of whoever did it."""
        return self._member("sender", "login")

    def _member(self, *path: str) -> str | None:
        value: Any = self.data
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value if isinstance(value, str) else None


#: The webhooks, each with what it tells.
WEBHOOKS = {
    "branch_protection_configuration": "All branch protections of a repository were turned on or off.",
    "branch_protection_rule": "A rule that protects branches was created, edited or deleted.",
    "check_run": "A single check of a commit was created, completed or asked for again.",
    "check_suite": "The checks of a commit were asked for or completed.",
    "code_scanning_alert": "Code scanning found something, or what it found changed its state.",
    "commit_comment": "Somebody commented on a commit.",
    "create": "A branch or a tag was created.",
    "custom_property": "An organization's custom property was created, changed or deleted.",
    "custom_property_values": "The values of a repository's custom properties changed.",
    "delete": "A branch or a tag was deleted.",
    "dependabot_alert": "Dependabot found a dependency with a known weakness, or the alert changed its state.",
    "deploy_key": "A key to deploy with was added or removed.",
    "deployment": "A deployment was created.",
    "deployment_protection_rule": "A rule that protects an environment was asked about a deployment.",
    "deployment_review": "A deployment was approved, rejected or waits for it.",
    "deployment_status": "How a deployment stands was reported.",
    "discussion": "A discussion was opened, answered, moved or changed in another way.",
    "discussion_comment": "A comment in a discussion was written, edited or deleted.",
    "fork": "Somebody forked a repository.",
    "github_app_authorization": "A user took back what a GitHub App was allowed.",
    "gollum": "Pages of a wiki were created or edited.",
    "installation": "A GitHub App was installed, removed, suspended or given other permissions.",
    "installation_repositories": "The repositories that an installed GitHub App sees changed.",
    "installation_target": "The account on which a GitHub App is installed was renamed.",
    "issue_comment": "A comment on an issue or a pull request was written, edited or deleted.",
    "issue_dependencies": "An issue began or ceased to block another.",
    "issues": "An issue was opened, closed, labelled, assigned or changed in another way.",
    "label": "A label was created, edited or deleted.",
    "marketplace_purchase": "A plan in the marketplace was bought, changed or cancelled.",
    "member": "A collaborator was added or removed, or may do more or less.",
    "membership": "Somebody joined or left a team.",
    "merge_group": "A merge queue asked for the checks of a group, or let it go.",
    "meta": "The webhook itself was deleted.",
    "milestone": "A milestone was created, closed, opened again, edited or deleted.",
    "org_block": "An organization blocked a user, or no longer does.",
    "organization": "An organization was renamed or deleted, or its members changed.",
    "package": "A package was published or updated.",
    "page_build": "A site of GitHub Pages was built, or failed to be.",
    "personal_access_token_request": "A member asked to use a token of their own, or was answered.",
    "ping": "The webhook was created: GitHub tries whether anybody is there.",
    "project": "A classic project was created, closed, edited or deleted.",
    "project_card": "A card of a classic project was created, moved, edited or deleted.",
    "project_column": "A column of a classic project was created, moved, edited or deleted.",
    "projects_v2": "A project of an organization was created, closed, edited or deleted.",
    "projects_v2_item": "An item of a project was added, moved, edited, archived or deleted.",
    "projects_v2_status_update": "How a project stands was written, edited or deleted.",
    "public": "A private repository was made public.",
    "pull_request": "A pull request was opened, closed, merged, labelled or changed in another way.",
    "pull_request_review": "A review was submitted, edited or dismissed.",
    "pull_request_review_comment": "A comment on a pull request's changes was written, edited or deleted.",
    "pull_request_review_thread": "A thread of a review was resolved or opened again.",
    "push": "Commits or tags were pushed, or a branch or tag was deleted.",
    "registry_package": "A package was published or updated in a registry.",
    "release": "A release was created, published, edited or deleted.",
    "repository": "A repository was created, renamed, archived, moved or deleted.",
    "repository_advisory": "A security advisory of a repository was reported or published.",
    "repository_dispatch": "A program asked for an event of its own.",
    "repository_import": "The import of a repository ended.",
    "repository_ruleset": "A ruleset was created, edited or deleted.",
    "repository_vulnerability_alert": "A repository has a dependency with a known weakness.",
    "secret_scanning_alert": "A secret was found in a repository, or the alert changed its state.",
    "secret_scanning_alert_location": "A secret that is known was found in one more place.",
    "secret_scanning_scan": "A scan for secrets was completed.",
    "security_advisory": "A security advisory was published, updated or withdrawn.",
    "security_and_analysis": "Features of a repository's security were turned on or off.",
    "sponsorship": "A sponsorship was created, changed or cancelled.",
    "star": "Somebody starred a repository, or no longer does.",
    "status": "The status of a commit changed.",
    "sub_issues": "An issue became, or ceased to be, a part of another.",
    "team": "A team was created, edited or deleted, or its repositories changed.",
    "team_add": "A team was given a repository.",
    "watch": "Somebody starred a repository, in the older of the two webhooks for it.",
    "workflow_dispatch": "Somebody started a workflow by hand.",
    "workflow_job": "A job of a workflow waits, runs or is completed.",
    "workflow_run": "A run of a workflow was asked for, runs or is completed.",
}


def _declare(webhook: str, tells: str) -> type[GitHubEvent]:
    name = "".join(word.capitalize() for word in webhook.split("_"))
    members = {"__doc__": tells, "__module__": __name__, "__slots__": (), "type": PREFIX + webhook}
    return type(name, (GitHubEvent,), members)


EVENT_TYPES: tuple[type[GitHubEvent], ...] = tuple(_declare(webhook, tells) for webhook, tells in WEBHOOKS.items())
