"""The daemon ends in time whatever its plugins do, and what it acknowledged is still there."""

from __future__ import annotations

import http.client
import json
import threading
import time
from pathlib import Path

import pytest

from tests.support.daemon import DaemonProcess, install_plugin
from tests.support.wait import until

STUCK = '''
"""Plugins that never come back, each in its own way."""

import threading
import time

from eventd import Handler, Source, Webhook


def never():
    threading.Event().wait()


class Handles(Handler):
    types = ("stuck.handled",)
    run = "thread"

    def handle(self, batch):
        never()


class Runs(Source):
    def run(self, emit):
        never()

    def stop(self):
        never()


class Receives(Webhook):
    path = "/hooks/stuck"
    run = "thread"

    def receive(self, request, emit):
        never()


class Blocks(Handler):
    """Blocks the event loop, with nobody to break it off."""

    types = ("stuck.blocked",)

    def stop(self):
        time.sleep(1000)

    def handle(self, batch):
        pass


class Leaves(Handler):
    """Leaves a thread behind that keeps the process alive."""

    types = ("stuck.left",)

    def start(self):
        threading.Thread(target=never).start()
'''

ENTRIES = {
    "handles": "[eventd.handlers]\nit = stuck:Handles\n",
    "runs": "[eventd.sources]\nit = stuck:Runs\n",
    "receives": "[eventd.sources]\nit = stuck:Receives\n",
    "blocks": "[eventd.handlers]\nit = stuck:Blocks\n",
    "leaves": "[eventd.handlers]\nit = stuck:Leaves\n",
}

CONFIG = """
[eventd]
stop_timeout = 1s
stall_most = 0
"""

#: Seconds behind stop_timeout after which the process is gone in any case, with some to spare for a slow machine.
GRACE = 15.0


def post(port: int, path: str, body: bytes, content_type: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, body, {"Content-Type": content_type})
        return connection.getresponse().status
    finally:
        connection.close()


def hang_up(port: int) -> None:
    try:
        post(port, "/hooks/stuck", b"{}", "application/json")
    except (OSError, http.client.HTTPException):
        # The daemon went before it had an answer: so it should.
        return


@pytest.mark.parametrize("which", list(ENTRIES))
def test_it_stops_in_time_whatever_a_plugin_does(directory: Path, which: str) -> None:
    path = install_plugin(directory, "stuck", STUCK, ENTRIES[which])
    with DaemonProcess(directory, CONFIG, path=[path]) as daemon:
        port = daemon.port("http")
        event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "stuck.handled"}
        assert post(port, "/events", json.dumps(event).encode(), "application/cloudevents+json") == 204
        if which == "receives":
            threading.Thread(target=hang_up, args=(port,), daemon=True).start()
            until(lambda: daemon.status()["listeners"][0]["connections"], what="the request to be there")
        started = time.monotonic()

        daemon.stop(1.0 + GRACE)

        assert time.monotonic() - started < 1.0 + GRACE
        daemon.start()
        assert [event["type"] for event in daemon.events("stuck.>")] == ["stuck.handled"]
        daemon.kill()
