"""Laying sources over each other, and %(…)s."""

from __future__ import annotations

import pytest

from eventd.config.inifile import parse, parse_override
from eventd.config.merge import Merged


def text_of(merged: Merged, section: str, key: str) -> str | None:
    return merged.text(section, merged.sections[section][key])


def test_the_later_source_wins_key_by_key() -> None:
    merged = Merged([parse("[a]\nx = 1\ny = 1\n", "1"), parse("[a]\ny = 2\n", "2"), parse_override("a.z=3")], {})

    assert {key: value.text for key, value in merged.sections["a"].items()} == {"x": "1", "y": "2", "z": "3"}


def test_a_variable_is_looked_for_near_first() -> None:
    merged = Merged(
        [parse("[DEFAULT]\nv = d\nw = d\n[eventd]\nw = e\nu = e\n[a]\nv = a\nall = %(V)s%(w)s%(u)s%(f)s%%\n", "f")],
        {"f": "%"},
    )

    assert text_of(merged, "a", "all") == "ade%%"
    assert merged.faults == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("%(state_dri)s", "%(state_dri)s is not set; did you mean state_dir?"),
        ("50%", "a single % has no meaning: write %% for a percent sign"),
        ("%(k)s", "%(…)s goes in a circle"),
    ],
)
def test_what_cannot_be_filled_in_is_a_fault_with_its_line(text: str, message: str) -> None:
    merged = Merged([parse(f"[a]\nk = {text}\n", "f")], {"state_dir": "/x"})

    assert text_of(merged, "a", "k") is None
    assert [(fault.message, fault.line) for fault in merged.faults] == [(message, 2)]
