"""Filters from the command line, and the way to the daemon."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from eventd.cli.connection import Unreachable
from eventd.cli.subscribing import client_of, filters_of
from eventd.filters import compile_filters


@pytest.mark.parametrize(
    ("text", "filter"),
    [
        ("subject=kitchen", {"exact": {"subject": "kitchen"}}),
        ("subject^=ki", {"prefix": {"subject": "ki"}}),
        ("subject$=en", {"suffix": {"subject": "en"}}),
        ("subject!=kitchen", {"not": {"exact": {"subject": "kitchen"}}}),
        ("subject!^=ki", {"not": {"prefix": {"subject": "ki"}}}),
        ("subject=a=b", {"exact": {"subject": "a=b"}}),
    ],
)
def test_a_filter_is_what_cloudevents_has(text: str, filter: object) -> None:
    assert filters_of([text]) == [filter]
    assert compile_filters(filters_of([text])) is not None


@pytest.mark.parametrize("text", ["", "=", "subject", "subject=", "Subject=x", "sub ject=x", "^=x"])
def test_what_is_no_filter_is_told(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no filter"):
        filters_of([text])


def test_nobody_waits_for_a_daemon_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="no daemon runs here"):
        client_of(str(tmp_path))
