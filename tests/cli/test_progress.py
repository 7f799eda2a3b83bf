"""The bar is for people: on a terminal, and never in what is printed."""

from __future__ import annotations

import os
import pty
import select

import pytest

from eventd.cli.progress import bar


def test_in_a_pipe_nothing_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with bar("counting") as advance:
        advance(1, 2)

    assert capfd.readouterr() == ("", "")


def test_on_a_terminal_it_is_shown_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    terminal, end = pty.openpty()
    with os.fdopen(end, "w") as stderr:
        monkeypatch.setattr("sys.stderr", stderr)
        with bar("counting") as advance:
            advance(1, 2)
            advance(2, 0)
        monkeypatch.undo()
        stderr.flush()
        shown = b""
        while b"counting" not in shown and select.select([terminal], [], [], 5)[0]:
            shown += os.read(terminal, 65536)
    os.close(terminal)

    assert b"counting" in shown
    assert capfd.readouterr().out == ""
