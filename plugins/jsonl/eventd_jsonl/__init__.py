"""Events into JSON-lines files: one CloudEvent a line, durable before it counts as handled."""

from __future__ import annotations

from .handler import JsonLines

__all__ = ["JsonLines"]
