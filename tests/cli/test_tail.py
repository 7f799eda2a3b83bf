"""eventd tail."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.testing import Result

from eventd.cli.tail import pretty

Eventd = Callable[..., Result]
ONE = b'{"specversion":"1.0","id":"1","source":"/s","type":"a.b","eventdoffset":5,"data":{"n":1.10}}\n'


def test_in_a_pipe_lines_go_as_they_came(daemon: Any, eventd: Eventd) -> None:
    daemon.answers["/api/v1/events"] = (200, [ONE, ONE])

    result = eventd("tail", "a.>", "b", "--from", "earliest", "--no-follow")

    assert (result.exit_code, result.stdout_bytes) == (0, ONE + ONE)
    assert daemon.calls[0].query == [("types", "a.>"), ("types", "b"), ("from", "earliest"), ("follow", "0")]


def test_it_ends_after_so_many(daemon: Any, eventd: Eventd) -> None:
    daemon.answers["/api/v1/events"] = (200, [ONE * 5])

    result = eventd("tail", "-n", "2")

    assert (result.exit_code, result.stdout_bytes) == (0, ONE * 2)


def test_a_daemon_that_ends_it_is_told(daemon: Any, eventd: Eventd) -> None:
    daemon.answers["/api/v1/events"] = (200, [ONE])

    result = eventd("tail")

    assert result.exit_code == 1
    assert result.stderr.startswith("eventd: the daemon ended it")


def test_a_wrong_place_is_refused_in_the_daemons_words(daemon: Any, eventd: Eventd) -> None:
    daemon.answer("/api/v1/events", {"errors": [{"message": "from is wrong"}], "hint": "now"}, status=400)

    result = eventd("tail", "--from", "x")

    assert (result.exit_code, result.output) == (1, "eventd: the daemon refused: from is wrong\n  hint: now\n")


def test_a_reader_that_has_enough_is_no_failure(daemon: Any, config_file: Path) -> None:
    daemon.answers["/api/v1/events"] = (200, [ONE] * 1000)
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        [sys.executable, "-m", "eventd", "tail", "-c", str(config_file)],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (0, b"")


def test_pretty() -> None:
    event = {"id": "1", "type": "a.b", "time": "T", "subject": "s", "eventdoffset": 5, "ext": 1, "data": {"n": "ü"}}

    assert click.unstyle(pretty(event)) == '5 T a.b s ext=1 {"n":"ü"}'
    assert click.unstyle(pretty({"type": "a", "data_base64": "AA=="})) == "a base64:AA=="


def test_pretty_never_lets_a_sender_steer_the_terminal() -> None:
    line = click.unstyle(pretty({"type": "a\x1b[2J", "data": "\x1b]0;x\x07\u202e"}))

    assert line.isprintable()
    assert "\\u001b[2J" in line
