"""What a client is told beside the URL."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import get_type_hints

import pytest

from eventd.client.options import Choices, Options


def test_the_keyword_arguments_are_the_fields():
    assert set(get_type_hints(Choices)) == {field.name for field in fields(Options)}


def test_a_token_is_sent_with_the_other_headers():
    options = Options(token="secret", headers={"X-Tenant": "a"})

    assert options.request_headers() == {"X-Tenant": "a", "Authorization": "Bearer secret"}
    assert Options().request_headers() == {}


def test_the_documentation_has_every_option(root):
    page = (root / "docs" / "clients.md").read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}

    assert {field.name for field in fields(Options)} <= told


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "xml"},
        {"when_full": "explode"},
        {"window": 0},
        {"buffer": -1},
        {"ping_interval": 0},
        {"ping_timeout": float("nan")},
        {"headers": {"X": "a\r\nY: b"}},
        {"headers": {"X\n": "a"}},
        {"token": "ü"},
    ],
)
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError) as caught:
        Options(**wrong)

    assert next(iter(wrong)).split("_")[0] in str(caught.value) or "header" in str(caught.value)
