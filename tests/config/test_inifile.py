"""INI text: the meaning is that of configparser, the lines are ours."""

from __future__ import annotations

import configparser
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from eventd.config import Place
from eventd.config.inifile import parse, parse_override, read
from eventd.errors import Fault


def test_a_value_knows_its_line() -> None:
    parsed = parse("# head\n[a]\n\nKey = 1\nlong =\n    x = 2\n    y\nlast: 3\n", "f.ini")

    assert parsed.faults == []
    assert parsed.places == {"a": Place("f.ini", 2)}
    assert {key: (value.text, value.place.line) for key, value in parsed.sections["a"].items()} == {
        "key": ("1", 4),
        "long": ("\nx = 2\ny", 5),
        "last": ("3", 8),
    }


def test_what_is_written_twice_is_told_with_both_lines() -> None:
    parsed = parse("[a]\nk = 1\nk = 2\n[a]\n", "f")

    assert parsed.faults == [
        Fault("k is there already, on line 2", "f", 3),
        Fault("[a] is there already, on line 1", "f", 4),
    ]


def test_all_lines_that_are_no_key_are_told_and_the_rest_is_read() -> None:
    parsed = parse("[a]\nfoo\nk = 1\nbar\n", "f")

    assert [fault.line for fault in parsed.faults] == [2, 4]
    assert parsed.sections["a"]["k"].text == "1"


def test_a_key_before_any_section() -> None:
    assert parse("k = 1\n", "f").faults == [Fault("a [section] must come before the first key", "f", 1)]


def test_default_is_a_section_like_any() -> None:
    parsed = parse("[DEFAULT]\nroot = /x\n[a]\nk = 1\n", "f")

    assert list(parsed.sections["a"]) == ["k"]
    assert list(parsed.sections["DEFAULT"]) == ["root"]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "x.ini"
    assert read(file).faults == [Fault("cannot be read: No such file or directory", str(file))]

    file.write_bytes(b"[a]\nk = \xff\n")
    assert read(file).faults == [Fault("is not UTF-8", str(file), 2)]


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "x.ini"
    file.write_bytes(b"\xef\xbb\xbf[a]\nk = 1\n")

    assert read(file).sections["a"]["k"].text == "1"


def test_an_override_may_have_dots_in_its_section_and_equals_in_its_value() -> None:
    parsed = parse_override("handler:a.b.Key = x=y")

    assert parsed.sections["handler:a.b"]["key"].text == "x=y"
    assert parsed.sections["handler:a.b"]["key"].place == Place("-o handler:a.b.Key")


def test_an_override_of_another_form() -> None:
    for text in ("x", "a=b", "a.=b", ".k=v", "="):
        assert "write -o SECTION.KEY=VALUE" in parse_override(text).faults[0].message


LINES = st.sampled_from(
    ["[a]", "[b:c]", "k = v", "key: x", " more", "\tk2 = z", "", "# no", "; no", "junk", "=x", "[", "[]"]
)


@given(st.lists(LINES | st.text(max_size=12), max_size=12).map("\n".join))
def test_any_text_gives_what_configparser_gives(text: str) -> None:
    parsed = parse(text, "f")
    expected = configparser.RawConfigParser(strict=False, default_section="\n")
    try:
        expected.read_string(text)
    except configparser.Error:
        assert parsed.faults
        return
    assert {name: {key: value.text for key, value in keys.items()} for name, keys in parsed.sections.items()} == {
        name: dict(expected[name]) for name in expected.sections()
    }
    assert all(value.place.line for keys in parsed.sections.values() for value in keys.values())
