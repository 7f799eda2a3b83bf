"""An event with which the daemon dies is put aside after some deaths, and all others are handled."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import DaemonProcess, install_plugin
from tests.support.wait import until

pytestmark = pytest.mark.system

DEADLY = '''
import os
import signal

from eventd import Batch, Emitter, Handler


class Deadly(Handler):
    """Kills the process that it runs in."""

    types = ("com.example.>",)

    def __init__(self, emit: Emitter) -> None:
        self.emit = emit

    def handle(self, batch: Batch) -> None:
        for event in batch:
            if event.type.endswith("deadly"):
                os.kill(os.getpid(), signal.SIGKILL)
            if event.type.endswith("leave"):
                os._exit(3)
            self.emit("eventd.handled", event.data)
'''

CONFIG = """
[handler:deadly]
run = {{run}}
attempts = 2
retry_first = 1ms
"""


@pytest.fixture(params=["green", "thread"])
def daemon(request: pytest.FixtureRequest, directory: Path) -> Iterator[DaemonProcess]:
    site = install_plugin(directory, "deadly", DEADLY, "[eventd.handlers]\ndeadly = deadly:Deadly\n")
    made = DaemonProcess(directory, CONFIG.replace("{{run}}", request.param), path=[site])
    yield made
    if made.process is not None:
        made.kill()


def over(daemon: DaemonProcess) -> str:
    """Whether it died, or has handled everything; empty before that."""
    assert daemon.process is not None
    if daemon.process.poll() is not None:
        return "died"
    try:
        row = daemon.consumer("handler:deadly")
    except (OSError, http.client.HTTPException):
        return ""
    return "done" if row["settled"] + row["dead"] == 10 else ""


def test_the_daemon_dies_three_times_and_no_more(daemon: DaemonProcess) -> None:
    deaths = 0
    daemon.start()
    lines = "".join(
        f'{{"type": "com.example.{"deadly" if number == 5 else "fine"}", "data": {number}}}\n' for number in range(10)
    )
    # The daemon may die before it has answered.
    daemon.run("send", "--lines", "-", stdin=lines.encode())
    while until(lambda: over(daemon), timeout=30.0) == "died":
        deaths += 1
        daemon.launch()

    row = daemon.consumer("handler:deadly")
    assert (deaths, row["settled"], row["dead"]) == (3, 9, 1)
    assert sorted(event["data"] for event in daemon.events("eventd.handled")) == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    [letter] = json.loads(daemon.get("/api/v1/dead")[1])
    assert "died 3 times" in letter["reason"]
    assert "had events in hand when the daemon died" in daemon.log.read_text()
    daemon.stop()


def test_an_exit_ends_the_call_only(daemon: DaemonProcess) -> None:
    daemon.start()
    assert daemon.run("send", "com.example.leave").returncode == 0
    until(lambda: daemon.consumer("handler:deadly")["dead"] == 1)

    [letter] = json.loads(daemon.get("/api/v1/dead")[1])
    assert letter["reason"] == "PluginExit: it called os._exit(3)"
    daemon.stop()
