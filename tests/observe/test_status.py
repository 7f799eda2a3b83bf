"""The status is one JSON document."""

from __future__ import annotations

import json

import msgspec

from tests.observe.samples import STATUS


def test_the_status_survives_json() -> None:
    document = msgspec.json.encode(STATUS)
    assert msgspec.json.decode(document, type=type(STATUS)) == STATUS
    assert json.loads(document)["events"]["rejected"] == {"too_large": 2}
