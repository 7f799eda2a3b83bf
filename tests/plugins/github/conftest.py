from __future__ import annotations

import logging
from typing import Any

import msgspec
import pytest

from eventd import Request
from eventd_github import GitHub
from eventd_github.webhook import sign
from tests.support.plugins import KeepingEmitter

SECRET = "It's a Secret to Everybody"


@pytest.fixture
def emit():
    return KeepingEmitter()


@pytest.fixture
def github():
    """Makes the webhook: ``github(secret="…")``."""

    def make(**keys: Any) -> GitHub:
        return GitHub(GitHub.Config(**{"secret": SECRET, **keys}), logging.getLogger("eventd.source.github"))

    return make


@pytest.fixture
def delivery():
    """Makes the request of a delivery, signed; headers that are None are left out."""

    def make(payload: object, event: str = "push", *, secret: str = SECRET, **changes: str | None) -> Request:
        body = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
        headers = {
            "content-type": "application/json",
            "x-github-event": event,
            "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
            "x-hub-signature-256": sign(secret, body),
        }
        headers |= {name.replace("_", "-"): value for name, value in changes.items()}
        given = [(name, value) for name, value in headers.items() if value is not None]
        return Request(method="POST", path=GitHub.path, target=GitHub.path, headers=given, body=body)

    return make
