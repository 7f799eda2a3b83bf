"""GitHub's webhooks as events: a type for each of them, and the door where they come in."""

from __future__ import annotations

from .types import EVENT_TYPES, GitHubEvent
from .webhook import GitHub

__all__ = ["EVENT_TYPES", "GitHub", "GitHubEvent"]
