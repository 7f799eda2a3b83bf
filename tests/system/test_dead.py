"""Dead letters from outside: given up, looked at, tried again by command, dropped; the books balance throughout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import DaemonProcess, UnixHTTPConnection, install_plugin
from tests.support.wait import until

#: Fails for the numbers in the file ``bad``; keeps a count and emits an event for each that it handles.
PLUGIN = '''
from pathlib import Path

from eventd import Emitter, Handler, State, StateDirectory


class Picky(Handler):
    types = ("test.number",)

    def __init__(self, emit: Emitter, state: State, directory: StateDirectory) -> None:
        self.emit, self.state, self.bad = emit, state, Path(directory, "bad")

    def handle(self, batch):
        bad = self.bad.read_text().split() if self.bad.exists() else []
        for index, event in enumerate(batch.events):
            if str(event.data) in bad:
                batch.fail(index, f"{event.data} is bad")
            else:
                self.state.add("handled")
                self.emit("test.handled", event.data)
'''

CONFIG = """
[handler:picky]
attempts = 2
retry_first = 1ms
retry_most = 10ms
start = earliest
"""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    site = install_plugin(tmp_path, "picky", PLUGIN, "[eventd.handlers]\npicky = picky:Picky\n")
    with DaemonProcess(tmp_path / "daemon", CONFIG, [site]) as running:
        bad(running, 1, 3, 5)
        publish(running, range(6))
        until(lambda: running.status()["journal"]["dead"] == 3, what="three dead letters")
        yield running


def bad(daemon: DaemonProcess, *numbers: int) -> None:
    """From now on the handler fails for these."""
    directory = daemon.directory / "state" / "plugins" / "handler-picky"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "bad").write_text(" ".join(map(str, numbers)))


def publish(daemon: DaemonProcess, numbers: range) -> None:
    events = [
        {"specversion": "1.0", "id": str(n), "source": "/t", "type": "test.number", "data": n} for n in numbers
    ]
    daemon.publish(events)


def output(daemon: DaemonProcess, *arguments: str, code: int = 0) -> str:
    done = daemon.run(*arguments)
    assert done.returncode == code, done.stderr.decode()
    return done.stdout.decode()


def letters(daemon: DaemonProcess, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(output(daemon, "dead list", "--json", *arguments))
    return found


def balanced(daemon: DaemonProcess) -> dict[str, Any]:
    """The status once nothing is pending; every event is in one column of it."""

    def settled() -> dict[str, Any] | None:
        status = daemon.status()
        assert status["imbalances"] == []
        return status if not any(consumer["pending"] for consumer in status["consumers"]) else None

    status = until(settled, what="nothing pending")
    assert status is not None
    return status


def test_what_was_given_up_is_listed_shown_tried_again_and_dropped(daemon: DaemonProcess) -> None:
    found = letters(daemon, "--handler", "picky")
    assert sorted(letter["offset"] for letter in found) == [1, 3, 5]
    assert {(letter["consumer"], letter["attempts"], letter["reason"]) for letter in found} == {
        ("handler:picky", 2, f"RuntimeError: {n} is bad") for n in (1, 3, 5)
    }
    one = next(letter for letter in found if letter["offset"] == 1)
    shown = output(daemon, "dead show", str(one["id"]))
    assert '"data": 1' in shown
    assert "RuntimeError: 1 is bad" in shown

    bad(daemon, 3)
    told = json.loads(output(daemon, "dead retry", "--handler", "picky", "--json", code=1))
    assert (told["chosen"], told["settled"], told["failed"]) == (3, 2, 1)
    left = letters(daemon)
    assert [(letter["offset"], letter["attempts"]) for letter in left] == [(3, 4)]
    status = balanced(daemon)
    row = next(row for row in status["consumers"] if row["name"] == "handler:picky")
    assert (row["settled"], row["dead"], row["dead_letters"]) == (5, 1, 1)
    assert status["journal"]["dead_settled"] == {"handler:picky": 2}
    assert status["events"]["emitted"] == {"handler:picky": 5}

    assert output(daemon, "dead drop", "--type", "test.number") == "1 dead letters were dropped.\n"
    assert letters(daemon) == []
    assert balanced(daemon)["journal"]["dead_dropped"] == {"handler:picky": 1}
    assert "The books balance." in output(daemon, "status")


def test_what_a_retry_settles_is_settled_once_and_for_all(daemon: DaemonProcess) -> None:
    bad(daemon)
    assert "3 of 3" in output(daemon, "dead retry", "--all")
    daemon.kill()
    daemon.start()

    assert letters(daemon) == []
    assert sorted(event["data"] for event in daemon.events("test.handled")) == [0, 1, 2, 3, 4, 5]
    row = next(row for row in balanced(daemon)["consumers"] if row["name"] == "handler:picky")
    assert (row["settled"], row["dead"]) == (6, 0)


def test_a_daemon_that_dies_during_a_retry_loses_no_letter(daemon: DaemonProcess) -> None:
    ids = [letter["id"] for letter in letters(daemon)]
    connection = UnixHTTPConnection(daemon.socket)
    connection.request("POST", "/api/v1/dead/retry", json.dumps({"ids": ids}))
    daemon.kill()
    connection.close()
    daemon.start()

    handled = len(daemon.events("test.handled"))
    assert handled + len(letters(daemon)) == 6
    balanced(daemon)


def test_letters_are_chosen_by_time(daemon: DaemonProcess) -> None:
    assert letters(daemon, "--after", "2100-01-01T00:00:00Z") == []
    assert len(letters(daemon, "--before", "2100-01-01T00:00:00Z", "--after", "2020-01-01T00:00:00+01:00")) == 3
    assert "0 dead letters" in output(daemon, "dead drop", "--before", "2020-01-01T00:00:00Z")


def test_handlers_are_listed_with_their_letters(daemon: DaemonProcess) -> None:
    rows = json.loads(output(daemon, "handlers list", "--json"))
    [row] = [row for row in rows if row["name"] == "handler:picky"]
    assert (row["types"], row["dead_letters"], row["settled"]) == (["test.number"], 3, 3)
    assert "handler:picky" in output(daemon, "handlers list")


def test_the_books_balance_by_the_metrics_alone(daemon: DaemonProcess) -> None:
    balanced(daemon)
    lines = daemon.get("/metrics")[1].decode().splitlines()
    values: dict[str, float] = {}
    for line in lines:
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            name = name.partition("{")[0].removeprefix("eventd_")
            values[name] = values.get(name, 0.0) + float(value)
    doors = ("events_accepted_total", "duplicates_total", "events_rejected_total", "events_pending")
    assert values["events_received_total"] == sum(values.get(name, 0.0) for name in doors) == 6
    assert values["dead_letters"] == 3
    assert values["journal_end_offset"] == values["events_accepted_total"] + values["events_emitted_total"] == 9
    assert values["books_balance"] == 1
