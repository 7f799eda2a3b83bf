"""A daemon that stops lets nobody in, tells those who are in to go one after the other, and owes nobody an ack."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest

from tests.support.daemon import DaemonProcess, install_plugin
from tests.support.publishers import Publishers, upgraded
from tests.support.wait import SCALE, until

#: More than are told at once.
MANY = 250

STUCK = '''
import threading

from eventd import Handler


class Stuck(Handler):
    types = (">",)
    run = "thread"

    def handle(self, batch):
        threading.Event().wait()
'''


def signalled(daemon: DaemonProcess, number: signal.Signals = signal.SIGTERM) -> None:
    assert daemon.process is not None
    daemon.process.send_signal(number)


def ended(daemon: DaemonProcess) -> bool:
    assert daemon.process is not None
    return daemon.process.poll() is not None


def test_publishers_are_told_one_after_the_other_and_go_on_until_then(directory: Path) -> None:
    with (
        DaemonProcess(directory, "[listener:http]\n[eventd]\nstop_timeout = 20s\n") as daemon,
        Publishers(daemon.port("http"), MANY, 0.02) as publishers,
    ):
        port = daemon.port("http")
        publishers.run(lambda: all(publisher.acked for publisher in publishers.all))
        signalled(daemon)
        publishers.run(lambda: any(publisher.told for publisher in publishers.all))
        before = {publisher: publisher.acked for publisher in publishers.all if not publisher.told}
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port))
        deadline = time.monotonic() + 20 * SCALE
        publishers.run(lambda: all(p.ended for p in publishers.all) or time.monotonic() > deadline)

        assert [publisher.code for publisher in publishers.all] == [1001] * MANY
        assert all(publisher.told for publisher in publishers.all)
        assert any(publisher.acked > count for publisher, count in before.items()), "nobody was acknowledged any more"
        assert daemon.process is not None
        assert daemon.process.wait(20 * SCALE) == 0

        daemon.start()
        kept = {event["id"] for event in daemon.events()}
        assert {f"{p.name}-{number}" for p in publishers.all for number in range(p.acked)} <= kept
        assert daemon.status()["imbalances"] == []


def test_a_second_signal_hurries_it_and_acks_are_sent_all_the_same(directory: Path) -> None:
    path = install_plugin(directory, "stuck", STUCK, "[eventd.handlers]\nstuck = stuck:Stuck\n")
    config = "[eventd]\nstop_timeout = 600s\n"
    with (
        DaemonProcess(directory, config, path=[path]) as daemon,
        Publishers(daemon.port("http"), 20, 0.01) as publishers,
    ):
        publishers.run(lambda: all(publisher.acked for publisher in publishers.all))
        signalled(daemon)
        publishers.run(lambda: all(publisher.ended for publisher in publishers.all))
        until(lambda: "finishing" in daemon.tail() or "stopping" in daemon.tail(), what="the log to tell")
        assert not ended(daemon)
        signalled(daemon, signal.SIGINT)
        until(lambda: ended(daemon), timeout=30)

        assert "stopping at once" in daemon.tail()
        assert all(publisher.told for publisher in publishers.all)
        daemon.start()
        kept = {event["id"] for event in daemon.events()}
        assert {f"{p.name}-{number}" for p in publishers.all for number in range(p.acked)} <= kept
        assert daemon.consumer("handler:stuck")["settled"] == 0
        daemon.kill()


def test_administrators_can_look_until_the_end(directory: Path) -> None:
    path = install_plugin(directory, "stuck", STUCK, "[eventd.handlers]\nstuck = stuck:Stuck\n")
    with DaemonProcess(directory, "[eventd]\nstop_timeout = 600s\n", path=[path]) as daemon:
        daemon.publish([{"specversion": "1.0", "id": "1", "source": "/s", "type": "a"}])
        port = daemon.port("http")
        signalled(daemon)
        until(lambda: "waiting for handler:stuck" in daemon.tail(), what="the log to tell who is waited for")

        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port))
        status, body = daemon.get("/readyz")
        assert (status, b"the daemon is stopping" in body) == (503, True)
        assert daemon.status()["consumers"]
        shown, refused = daemon.run("status"), daemon.run("send", "late")
        assert b"the daemon is stopping" in shown.stdout, shown
        assert (refused.returncode, b"stopping" in refused.stderr) == (1, True), refused
        signalled(daemon, signal.SIGINT)
        until(lambda: ended(daemon), timeout=30)
        daemon.start()
        assert [event["type"] for event in daemon.events()] == ["a"]
        daemon.kill()


def test_who_waits_to_be_told_is_told_at_once_in_a_hurry(directory: Path) -> None:
    with DaemonProcess(directory, "[eventd]\nstop_timeout = 3600s\n") as daemon:
        socks = [upgraded(daemon.port("http"), "") for _ in range(MANY)]
        signalled(daemon)
        signalled(daemon, signal.SIGINT)
        for sock in socks:
            assert sock.recv(100)[:1] == b"\x88"
            sock.close()
        until(lambda: ended(daemon), timeout=20)
