"""eventd tail, against a daemon that runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from eventd.cli.tail import State, pretty
from tests.support.daemon import DaemonProcess

EVENTS = [
    {"type": "a.b", "subject": "kitchen", "data": {"n": 1}},
    {"type": "a.c", "subject": "roof", "data": {"n": 2}},
    {"type": "b", "subject": "kitchen", "data_base64": "AAE="},
]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """A daemon that has the three events."""
    with DaemonProcess(tmp_path_factory.mktemp("tail")) as daemon:
        send(daemon, EVENTS)
        yield daemon


def send(daemon: DaemonProcess, events: list[dict[str, Any]]) -> None:
    done = daemon.run("send", "--lines", stdin=b"".join(json.dumps(event).encode() + b"\n" for event in events))
    assert done.returncode == 0, done.stderr


def tail(daemon: DaemonProcess, *arguments: str) -> list[dict[str, Any]]:
    done = daemon.run("tail", "--from", "earliest", "--no-follow", *arguments)
    assert (done.returncode, done.stderr) == (0, b"")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_in_a_pipe_each_event_is_a_line_with_its_offset(live: DaemonProcess) -> None:
    lines = tail(live)

    assert [line["eventdoffset"] for line in lines] == [0, 1, 2]
    assert [{name: line[name] for name in event} for line, event in zip(lines, EVENTS, strict=True)] == EVENTS


@pytest.mark.parametrize(
    ("arguments", "offsets"),
    [
        (("a.*",), [0, 1]),
        (("a.b", "b"), [0, 2]),
        (("--filter", "subject=kitchen"), [0, 2]),
        (("--filter", "subject!=kitchen"), [1]),
        (("--filter", "subject^=ki", "--filter", "type$=.b"), [0]),
        (("nothing",), []),
        (("--from", "2"), [2]),
        (("-n", "2"), [0, 1]),
    ],
)
def test_it_prints_what_is_asked_for(live: DaemonProcess, arguments: tuple[str, ...], offsets: list[int]) -> None:
    assert [line["eventdoffset"] for line in tail(live, *arguments)] == offsets


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("a..b",), 1, b"is no pattern"),
        (("--from", "yesterday"), 1, b"is not now, earliest, an offset or a time"),
        (("--filter", "subject"), 2, b"is no filter"),
    ],
)
def test_what_cannot_be_had_is_told(live: DaemonProcess, arguments: tuple[str, ...], code: int, told: bytes) -> None:
    done = live.run("tail", *arguments)

    assert done.returncode == code
    assert told in done.stderr


def test_it_waits_for_a_daemon_that_comes_back_and_misses_nothing(tmp_path: Path) -> None:
    daemon = DaemonProcess(tmp_path).start()
    following = subprocess.Popen(
        daemon.command("tail", "--from", "earliest"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=daemon.environment(),
    )  # fmt: skip
    assert following.stdout is not None
    assert following.stderr is not None
    try:
        send(daemon, EVENTS[:1])
        assert json.loads(following.stdout.readline())["type"] == "a.b"
        daemon.kill()
        assert b"disconnected" in following.stderr.readline()
        with daemon:
            send(daemon, EVENTS[1:])
            assert [json.loads(following.stdout.readline())["eventdoffset"] for _ in range(2)] == [1, 2]
            following.send_signal(signal.SIGINT)
            assert following.wait(10) == 0
    finally:
        following.kill()
        following.communicate()


def test_a_reader_that_has_enough_is_no_failure(live: DaemonProcess) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        live.command("tail", "--from", "earliest"), stdout=writer, stderr=subprocess.PIPE, env=live.environment(),
        check=False, timeout=30,
    )  # fmt: skip
    os.close(writer)

    assert (done.returncode, done.stderr) == (0, b"")


def test_without_a_daemon_it_does_not_wait(tmp_path: Path) -> None:
    done = DaemonProcess(tmp_path).run("tail")

    assert done.returncode == 1
    assert b"no daemon runs here" in done.stderr


def test_only_a_change_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    state = State()
    state.tell("connected")
    state.tell("disconnected")
    state.tell("connected")
    state.ending = True
    state.tell("disconnected")

    assert capsys.readouterr().err.split("\n") == [
        "eventd: disconnected; waiting for the daemon", "eventd: connected", "",
    ]  # fmt: skip


def test_pretty() -> None:
    event = {"id": "1", "type": "a.b", "time": "T", "subject": "s", "eventdoffset": 5, "ext": 1, "data": {"n": "ü"}}

    assert click.unstyle(pretty(event)) == '5 T a.b s ext=1 {"n":"ü"}'
    assert click.unstyle(pretty({"type": "a", "data_base64": "AA=="})) == "a base64:AA=="


def test_pretty_never_lets_a_sender_steer_the_terminal() -> None:
    line = click.unstyle(pretty({"type": "a\x1b[2J", "data": "\x1b]0;x\x07\u202e"}))

    assert line.isprintable()
    assert "\\u001b[2J" in line
