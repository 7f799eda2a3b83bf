"""Replay from outside: by command, beside live events, broken off by ^C and by kill -9, and gone on with."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import DaemonProcess, install_plugin
from tests.support.wait import until

#: Writes down each number that it gets. While there is a file ``slow`` beside that, it takes its time.
PLUGIN = '''
import time
from pathlib import Path

from eventd import Handler, StateDirectory


class Writes(Handler):
    types = ("test.>",)
    run = "thread"

    def __init__(self, directory: StateDirectory) -> None:
        self.seen, self.slow, self.bad = (Path(directory, name) for name in ("seen", "slow", "bad"))

    def handle(self, batch):
        if self.slow.exists():
            time.sleep(0.005)
        if self.bad.exists():
            raise ValueError("bad")
        with self.seen.open("a") as seen:
            seen.write("".join(f"{event.data}\\\\n" for event in batch.events))
'''.replace("\\\\n", "\\n")

CONFIG = """
[handler:writes]
batch_size = 10
attempts = 1
start = earliest
"""

EVENTS = 2000
TYPES = ("test.even", "test.odd")


class Place:
    """The files of the handler."""

    def __init__(self, daemon: DaemonProcess) -> None:
        self.directory = daemon.directory / "state" / "plugins" / "handler-writes"
        self.directory.mkdir(parents=True, exist_ok=True)

    def seen(self) -> list[int]:
        file = self.directory / "seen"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def forget(self) -> None:
        (self.directory / "seen").write_text("")

    def switch(self, name: str, on: bool) -> None:
        file = self.directory / name
        file.touch() if on else file.unlink(missing_ok=True)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    site = install_plugin(tmp_path, "writes", PLUGIN, "[eventd.handlers]\nwrites = writes:Writes\n")
    with DaemonProcess(tmp_path / "daemon", CONFIG, [site]) as running:
        publish(running, range(EVENTS))
        until(lambda: running.consumer("handler:writes")["settled"] == EVENTS, what="all events to be handled")
        Place(running).forget()
        yield running


@pytest.fixture
def place(daemon: DaemonProcess) -> Place:
    return Place(daemon)


def publish(daemon: DaemonProcess, numbers: range) -> None:
    events = [
        {"specversion": "1.0", "id": str(n), "source": "/t", "type": TYPES[n % 2], "data": n}
        for n in numbers
    ]
    daemon.publish(events)


def replayed(daemon: DaemonProcess, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = daemon.run("replay", "writes", "--json", *arguments)
    assert done.returncode == code, done.stderr.decode()
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def started(daemon: DaemonProcess, *arguments: str) -> subprocess.Popen[bytes]:
    """A replay that is under way."""
    return subprocess.Popen(
        daemon.command("replay", "writes", *arguments), env=daemon.environment(), stderr=subprocess.DEVNULL
    )


def test_a_range_goes_through_once_more_and_the_live_place_stays(daemon: DaemonProcess, place: Place) -> None:
    before = daemon.consumer("handler:writes")
    told = replayed(daemon, "--from", "100", "--to", "300", "--types", "test.even")

    assert place.seen() == list(range(100, 300, 2))
    assert (told["state"], told["events"], told["dead"], told["first"], told["end"]) == ("done", 100, 0, 100, 300)
    after = daemon.consumer("handler:writes")
    assert {name: after[name] for name in ("cursor", "settled", "dead", "passed")} == {
        name: before[name] for name in ("cursor", "settled", "dead", "passed")
    }
    assert daemon.status()["imbalances"] == []


def test_a_dry_run_counts_and_calls_nobody(daemon: DaemonProcess, place: Place) -> None:
    done = daemon.run("replay", "writes", "--dry-run")
    assert done.stdout == b"2,000 events of offsets 0 to 1,999 would be replayed through handler:writes.\n"
    assert place.seen() == []


def test_live_events_go_on_beside_a_long_replay(daemon: DaemonProcess, place: Place) -> None:
    place.switch("slow", True)
    running = started(daemon)
    until(lambda: len(place.seen()) > 20, what="the replay to be under way")
    publish(daemon, range(EVENTS, EVENTS + 5))
    until(lambda: EVENTS + 4 in place.seen(), what="the live events")

    assert running.poll() is None
    place.switch("slow", False)
    assert running.wait(20) == 0
    assert Counter(place.seen()) == Counter(range(EVENTS + 5))


def test_what_is_broken_off_by_hand_goes_on_by_the_same_command(daemon: DaemonProcess, place: Place) -> None:
    place.switch("slow", True)
    running = started(daemon, "--to", str(EVENTS))
    until(lambda: len(place.seen()) > 100, what="the replay to be under way")
    running.send_signal(signal.SIGINT)
    assert running.wait(20) == 1
    until(lambda: daemon.consumer("handler:writes")["state"] == "idle", what="the replay to end")
    assert len(place.seen()) < EVENTS
    place.switch("slow", False)

    told = replayed(daemon, "--to", str(EVENTS))
    assert told["resumed"] is True
    assert place.seen() == list(range(EVENTS))
    assert replayed(daemon, "--to", "10")["resumed"] is False


def test_what_a_kill_broke_off_goes_on_by_the_same_command(daemon: DaemonProcess, place: Place) -> None:
    place.switch("slow", True)
    running = started(daemon)
    until(lambda: len(place.seen()) > 500, what="the replay to be under way")
    daemon.kill()
    assert running.wait(20) == 1
    place.switch("slow", False)
    daemon.start()

    told = replayed(daemon)
    assert told["resumed"] is True
    assert 0 < told["events"] < EVENTS
    # At least once: what was handled just before the kill comes again, and nothing is left out.
    assert set(place.seen()) == set(range(EVENTS))
    assert daemon.status()["imbalances"] == []


def test_what_fails_is_a_dead_letter_and_may_be_tried_again(daemon: DaemonProcess, place: Place) -> None:
    place.switch("bad", True)
    told = replayed(daemon, "--from", "10", "--to", "13", code=1)
    assert (told["state"], told["dead"]) == ("done", 3)
    letters = json.loads(daemon.run("dead list", "--handler", "writes", "--json").stdout)
    assert sorted((letter["consumer"], letter["offset"]) for letter in letters) == [
        ("replay:handler:writes", offset) for offset in (10, 11, 12)
    ]
    place.switch("bad", False)
    assert daemon.run("dead retry", "--handler", "writes").returncode == 0
    assert sorted(place.seen()) == [10, 11, 12]
    row = daemon.consumer("handler:writes")
    assert (row["settled"], row["dead"], row["dead_letters"]) == (EVENTS, 0, 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["nobody"], "nobody"), (["writes", "--from", "soon"], "soon"), (["writes", "--types", "a..b"], "no pattern")],
)
def test_what_cannot_be_done_is_told(daemon: DaemonProcess, arguments: list[str], words: str) -> None:
    done = daemon.run("replay", *arguments)
    assert done.returncode == 1
    assert words in done.stderr.decode()
