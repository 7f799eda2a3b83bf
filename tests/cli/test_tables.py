"""Tables."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

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


COLUMNS = ("name", "state", "types", "settled", "cursor")
ROWS = [("handler:archive", "running", "com.example.>, org.example.*", 1_234_567, 7_654_321), ("b", "idle", "c", 1, 2)]


def drawn(width: int) -> list[str]:
    out = Console(width=width, file=io.StringIO())
    print_table(out, "Title", COLUMNS, ROWS, ("nowhere", "cursor", "types"))
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue().splitlines()


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (200, COLUMNS),
        (80, ("name", "state", "types", "settled")),
        (60, ("name", "state", "settled")),
    ],
)
def test_where_there_is_no_room_columns_go_and_words_stay_whole(width: int, columns: tuple[str, ...]) -> None:
    lines = drawn(width)

    assert max(map(len, lines)) <= width
    assert lines[2].split() == list(columns)
    row = next(line for line in lines if "handler:archive" in line)
    assert [word in row for word in ("running", "1,234,567", "com.example.>, org.example.*", "7,654,321")] == [
        True, True, "types" in columns, "cursor" in columns
    ]  # fmt: skip
    gone = [column for column in ("cursor", "types") if column not in columns]
    assert (f"No room for {', '.join(gone)}; --json has all." in lines) == bool(gone)


def test_in_a_very_narrow_window_only_long_cells_are_broken() -> None:
    assert any("1,234,567" in line for line in drawn(34))
