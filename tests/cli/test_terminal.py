"""What others wrote is shown, never obeyed."""

from __future__ import annotations

from eventd.cli.terminal import safe, safe_lines


def test_what_steers_a_terminal_is_shown() -> None:
    assert safe("a\x1b[2Jb\r\n\u202e") == "a\\u001b[2Jb\\u000d\\u000a\\u202e"


def test_the_rest_stays_as_it_is() -> None:
    assert safe("größer 温度 5") == "größer 温度 5"


def test_lines_stay_lines() -> None:
    assert safe_lines("a\n  b\x07\n") == ["a", "  b\\u0007", ""]
