"""Tables."""

from __future__ import annotations

import pytest

from eventd.cli.tables import console, print_table


def test_in_a_pipe_nothing_is_cut_off_or_taken_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(
        console(), "Title", ("name", "n", "ok", "none"), [("[b]" + "x" * 300, 1234, True, None), ("y", 5, False, "z")]
    )

    output = capsys.readouterr().out
    assert output.splitlines()[0] == "Title"
    assert "[b]" + "x" * 300 in output
    assert "1,234   yes   –" in output
    assert "    5   no    z" in output
    assert "\x1b" not in output


def test_a_cell_cannot_steer_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(console(), "Title", ("name",), [("a\x1b[2J",)])

    assert "a\\u001b[2J" in capsys.readouterr().out


def test_a_table_without_rows(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(console(), "Title", ("name",), [])

    assert "name" in capsys.readouterr().out
