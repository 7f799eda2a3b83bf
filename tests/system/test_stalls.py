"""A plugin that holds the event loop is named while it does, and costs nobody but itself."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import DaemonProcess, install_plugin
from tests.support.wait import SCALE, until

STALLING = '''
"""Handlers that hold the event loop, each in its own way, and one that is well."""

import re
import threading
import time

from eventd import Handler, Webhook


class Well(Handler):
    types = (">",)

    def handle(self, batch):
        pass


class Sleeps(Handler):
    types = ("stall.>",)

    def handle(self, batch):
        time.sleep(0.5)  # sleeps


class Spins(Handler):
    types = ("stall.>",)

    def handle(self, batch):
        until = time.monotonic() + 0.5
        while time.monotonic() < until:  # spins
            pass


class Computes(Handler):
    """Within one function of C, which holds the interpreter's lock to its end."""

    types = ("stall.>",)

    def handle(self, batch):
        if batch.events[0].type == "stall.it":
            self.number = 7 ** 1_500_000 % 10  # computes


class Matches(Handler):
    types = ("stall.>",)

    def handle(self, batch):
        for event in batch:
            if event.type == "stall.it":
                re.match(r"(a+)+$", "a" * 64 + "b")  # matches


class Waits(Handler):
    types = ("stall.>",)

    def handle(self, batch):
        try:
            threading.Event().wait()  # waits
        except Exception:
            pass


class Receives(Webhook):
    path = "/hooks/stalling"

    def receive(self, request, emit):
        emit("stall.received")
        time.sleep(0.5)  # receives
'''

ENTRIES = "[eventd.handlers]\nit = stalling:{}\nwell = stalling:Well\n"

CONFIG = """
[eventd]
stall_most = {most:g}s

[handler:it]
attempts = 1
"""

#: Seconds for which a call may hold the loop in these tests, on a machine that is not slow.
MOST = 1.0


def event(type_: str, number: int = 0) -> bytes:
    made = {"specversion": "1.0", "id": f"{type_}-{number}", "source": "/s", "type": type_}
    return json.dumps(made).encode()


def post(connection: http.client.HTTPConnection, path: str, body: bytes, content_type: str) -> int:
    connection.request("POST", path, body, {"Content-Type": content_type})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def publish(connection: http.client.HTTPConnection, type_: str, number: int = 0) -> None:
    assert post(connection, "/events", event(type_, number), "application/cloudevents+json") == 204


@contextmanager
def client(daemon: DaemonProcess) -> Iterator[http.client.HTTPConnection]:
    with closing(http.client.HTTPConnection("127.0.0.1", daemon.port("http"), timeout=30 * SCALE)) as connection:
        yield connection


@contextmanager
def stalling(directory: Path, plugin: str, more: str = "") -> Iterator[tuple[DaemonProcess, Any]]:
    """A daemon with one of the handlers beside the one that is well, and a client that stays connected to it."""
    path = install_plugin(directory, "stalling", STALLING, ENTRIES.format(plugin))
    config = CONFIG.format(most=MOST * SCALE) + more
    with DaemonProcess(directory, config, path=[path]) as daemon, client(daemon) as connection:
        yield daemon, connection


def line_of(comment: str) -> int:
    return next(n for n, line in enumerate(STALLING.splitlines(), 1) if line.endswith(f"# {comment}"))


def told(daemon: DaemonProcess, pattern: str) -> str:
    """The line of the log that says so, when it is there."""
    found = until(lambda: re.search(f".*{pattern}.*", daemon.log.read_text()), 10, f"{pattern} in the log")
    return str(found[0])


def settled(daemon: DaemonProcess, name: str, number: int) -> None:
    until(lambda: daemon.consumer(name)["settled"] >= number, 10, f"{name} to have handled {number}")


@pytest.mark.parametrize(("plugin", "comment"), [("Sleeps", "sleeps"), ("Spins", "spins")])
def test_one_that_holds_the_loop_is_named_and_moved_to_a_thread(directory: Path, plugin: str, comment: str) -> None:
    with stalling(directory, plugin) as (daemon, connection):
        assert daemon.consumer("handler:it")["run"] == "green"
        publish(connection, "stall.it")
        line = told(daemon, "handler:it holds the event loop, for 0")

        assert f"stalling.py:{line_of(comment)} in handle" in line
        told(daemon, "handler:it is moved")
        until(lambda: daemon.consumer("handler:it")["moved"], what="it to be moved")
        before = daemon.status()["hub"]["stalls"]["handler:it"]
        for number in range(5):
            publish(connection, "stall.more", number)
        settled(daemon, "handler:well", 6)
        settled(daemon, "handler:it", 2)
        row = daemon.consumer("handler:it")
        assert (row["run"], row["moved"], row["stalls"], row["dead"]) == ("thread", True, before, 0)
        assert before == 1
        assert f'eventd_hub_stalls_total{{handler="handler:it"}} {before}.0' in daemon.get("/metrics")[1].decode()
        assert "thread (moved)" in daemon.run("handlers list").stdout.decode()
        assert len(re.findall("handler:it holds", daemon.log.read_text())) == 1


def test_one_that_holds_the_interpreters_lock_is_named_and_not_moved(directory: Path) -> None:
    with stalling(directory, "Computes") as (daemon, connection):
        publish(connection, "stall.it")
        line = told(daemon, "handler:it holds the event loop")
        assert f"stalling.py:{line_of('computes')} in handle" in line
        told(daemon, "handler:it is not moved to a native thread: it held the interpreter's lock")
        publish(connection, "stall.more")

        settled(daemon, "handler:it", 2)
        assert daemon.consumer("handler:it")["run"] == "green"


def test_a_regular_expression_without_end_is_broken_off_and_its_event_put_aside(directory: Path) -> None:
    with stalling(directory, "Matches") as (daemon, connection):
        publish(connection, "stall.it")
        line = told(daemon, "handler:it holds the event loop")
        assert f"stalling.py:{line_of('matches')} in handle" in line
        assert "inside" in line
        for number in range(3):
            publish(connection, "stall.more", number)

        settled(daemon, "handler:well", 4)
        settled(daemon, "handler:it", 3)
        row = daemon.consumer("handler:it")
        assert (row["run"], row["dead"], row["pending"]) == ("green", 1, 0)
        letters = json.loads(daemon.run("dead list", "--json").stdout)
        assert re.match(r"HeldTheLock: it held the event loop for .* s and was broken off", letters[0]["reason"])


def test_one_that_never_returns_is_broken_off_and_goes_on_in_a_thread(directory: Path) -> None:
    with stalling(directory, "Waits") as (daemon, connection):
        publish(connection, "stall.it")
        assert f"stalling.py:{line_of('waits')} in handle" in told(daemon, "handler:it holds the event loop")
        until(lambda: daemon.consumer("handler:it")["dead"] == 1, 10, "its event to be put aside")
        publish(connection, "stall.more")

        until(lambda: daemon.consumer("handler:it")["dead"] == 2, 10, "the next one to have timed out")
        settled(daemon, "handler:well", 2)
        reasons = [letter["reason"] for letter in json.loads(daemon.run("dead list", "--json").stdout)]
        assert sorted(reason.partition(":")[0] for reason in reasons) == ["HeldTooLong", "TimedOut"]
        assert daemon.consumer("handler:it")["run"] == "thread"


def test_one_that_is_disabled_keeps_its_events_until_the_daemon_is_started_again(directory: Path) -> None:
    with stalling(directory, "Sleeps", "on_stall = disable\n") as (daemon, connection):
        publish(connection, "stall.it")
        told(daemon, "handler:it is disabled")
        for number in range(3):
            publish(connection, "stall.more", number)
        settled(daemon, "handler:well", 4)
        row = daemon.consumer("handler:it")
        assert (row["state"], row["settled"], row["pending"]) == ("disabled", 1, 3)

        assert daemon.stop() == 0
        daemon.start()
        settled(daemon, "handler:it", 4)


def test_one_that_is_only_warned_of_stays(directory: Path) -> None:
    with stalling(directory, "Sleeps", "on_stall = warn\n") as (daemon, connection):
        publish(connection, "stall.it")
        settled(daemon, "handler:it", 1)

        row = daemon.consumer("handler:it")
        assert (row["run"], row["moved"], row["stalls"]) == ("green", False, 1)


def test_a_webhook_is_moved_too(directory: Path) -> None:
    path = install_plugin(directory, "stalling", STALLING, "[eventd.sources]\nhook = stalling:Receives\n")
    with DaemonProcess(directory, path=[path]) as daemon, client(daemon) as connection:
        assert post(connection, "/hooks/stalling", b"", "text/plain") == 204
        assert f"stalling.py:{line_of('receives')} in receive" in told(daemon, "webhook:hook holds the event loop")
        told(daemon, "webhook:hook is moved")
        before = daemon.status()["hub"]["stalls"]

        assert post(connection, "/hooks/stalling", b"", "text/plain") == 204
        assert daemon.status()["hub"]["stalls"] == before
