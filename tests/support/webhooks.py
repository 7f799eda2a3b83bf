"""The real payloads of GitHub's webhooks that the tests send through every door."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

__all__ = ["webhooks"]

FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "github-webhooks.jsonl.gz"


@cache
def _read() -> list[dict[str, Any]]:
    with gzip.open(FILE) as lines:
        return [json.loads(line) for line in lines]


def webhooks() -> list[dict[str, Any]]:
    """``event``, ``example`` and ``payload`` of each; skips the test where they are not there."""
    if not FILE.exists():
        pytest.skip("the recorded webhooks are not beside this checkout (../shared/data)")
    return _read()
