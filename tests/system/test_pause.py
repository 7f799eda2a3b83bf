"""A handler that is paused: by command, through a restart and a kill, until it is resumed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import DaemonProcess, install_plugin
from tests.support.wait import until

NAME = "handler:notes"
PLUGIN = '''
from pathlib import Path

from eventd import Handler, StateDirectory


class Notes(Handler):
    types = ("test.>",)

    def __init__(self, directory: StateDirectory) -> None:
        self.path = Path(directory, "noted")

    def handle(self, batch):
        with self.path.open("a") as file:
            file.write("".join(f"{event.data}\\n" for event in batch))
'''


@pytest.fixture
def daemon(directory: Path) -> Iterator[DaemonProcess]:
    site = install_plugin(directory, "notes", PLUGIN, "[eventd.handlers]\nnotes = notes:Notes\n")
    with DaemonProcess(directory / "daemon", "[handler:notes]\nbatch_size = 10\n", [site]) as running:
        yield running


def publish(daemon: DaemonProcess, numbers: range) -> None:
    events = [{"specversion": "1.0", "id": str(n), "source": "/t", "type": "test.n", "data": n} for n in numbers]
    daemon.publish(events)


def noted(daemon: DaemonProcess) -> list[int]:
    path = daemon.directory / "state" / "plugins" / "handler-notes" / "noted"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def ordered(daemon: DaemonProcess, order: str, name: str, code: int = 0) -> str:
    done = daemon.run(f"handlers {order}", name)
    assert done.returncode == code, done.stderr
    return (done.stderr or done.stdout).decode()


def test_it_stays_paused_and_all_is_handled_in_order_once_when_it_is_resumed(daemon: DaemonProcess) -> None:
    publish(daemon, range(100))
    until(lambda: daemon.consumer(NAME)["settled"] == 100, what="the first events to be handled")
    assert ordered(daemon, "pause", "notes") == "handler:notes is paused\n"
    assert ordered(daemon, "pause", NAME) == "handler:notes was paused already\n"
    publish(daemon, range(100, 300))

    for end in (daemon.stop, daemon.kill):
        end()
        daemon.start()
        row = daemon.consumer(NAME)
        assert (row["state"], row["paused"], row["pending"], row["settled"]) == ("paused", True, 200, 100)
    publish(daemon, range(300, 400))
    assert b'eventd_consumer_paused{consumer="handler:notes"} 1.0' in daemon.get("/metrics")[1]
    assert b"paused" in daemon.run("handlers list").stdout
    assert daemon.run("replay", "notes").returncode == 1
    assert noted(daemon) == list(range(100))

    assert ordered(daemon, "resume", "notes") == "handler:notes goes on\n"
    assert ordered(daemon, "resume", "notes") == "handler:notes was not paused\n"
    until(lambda: daemon.consumer(NAME)["pending"] == 0, what="all to be handled")
    assert noted(daemon) == list(range(400))
    assert daemon.status()["imbalances"] == []


def test_who_names_nobody_is_told_the_names_there_are(daemon: DaemonProcess) -> None:
    told = ordered(daemon, "pause", "nobody", code=1)
    assert "nothing is called 'nobody' here; there is: handler:notes" in told
