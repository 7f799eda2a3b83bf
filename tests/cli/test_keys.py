"""Keys and the size of a real terminal."""

from __future__ import annotations

import signal
import sys

import pytest

from tests.support.screen import OnTerminal
from tests.support.wait import until

#: Prints what it gets, until it is q.
PROGRAM = """
from eventd.cli.keys import Keys

with Keys() as keys:
    print("begun", flush=True)
    pressed = ""
    while pressed != "q":
        pressed = keys.wait(60.0)
        print(f"<{pressed}>", flush=True)
"""


def running() -> OnTerminal:
    terminal = OnTerminal([sys.executable, "-c", PROGRAM])
    until(lambda: "begun" in terminal.output, 20.0, "it to begin")
    return terminal


def test_keys_come_at_once_and_unseen_and_the_terminal_is_as_it_was() -> None:
    with running() as terminal:
        assert not terminal.restored
        terminal.press("x")
        until(lambda: "<x>" in terminal.output, what="the key")
        terminal.press("q")
        assert terminal.ended() == 0
        assert terminal.output.replace("\r\n", "\n") == "begun\n<x>\n<q>\n"
        assert terminal.restored


def test_a_new_size_wakes_it() -> None:
    with running() as terminal:
        terminal.resize(40, 10)
        until(lambda: "<>" in terminal.output, what="the new size to be told")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)])
def test_whatever_ends_it_the_terminal_is_as_it_was(number: int, code: int) -> None:
    with running() as terminal:
        terminal.process.send_signal(number)
        assert terminal.ended() == code
        assert terminal.restored


def test_without_a_keyboard_it_waits_for_time() -> None:
    program = [sys.executable, "-c", PROGRAM.replace("60.0", "0.01")]
    with OnTerminal(["sh", "-c", 'exec "$@" < /dev/null', "sh", *program]) as terminal:
        until(lambda: "<>" in terminal.output, 20.0, "it to wait")
        terminal.process.terminate()
        assert terminal.ended() == 143
