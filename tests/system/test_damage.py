"""A real daemon meets damage: it starts, says so, takes events and keeps what was readable."""

from __future__ import annotations

import http.client
import json
import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journal.damage import garble, pages_of, root_of
from tests.support.daemon import DaemonProcess
from tests.support.wait import until

EVENTS = 300
PAYLOAD = "x" * 1000

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")


def publish(daemon: DaemonProcess, first: int, count: int = 10) -> int:
    """POST a batch; the HTTP status."""
    batch = [
        {"specversion": "1.0", "id": str(n), "source": "/d", "type": "damage.one", "data": {"n": n, "x": PAYLOAD}}
        for n in range(first, first + count)
    ]
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port("http"), timeout=10)
    try:
        connection.request("POST", "/events", json.dumps(batch), {"Content-Type": "application/cloudevents-batch+json"})
        return connection.getresponse().status
    finally:
        connection.close()


def kept(daemon: DaemonProcess) -> set[int]:
    return {event["data"]["n"] for event in daemon.events("damage.one")}


def journal_of(daemon: DaemonProcess) -> Path:
    return daemon.directory / "state" / "journal.sqlite"


def takes_events(daemon: DaemonProcess) -> bool:
    return 200 <= publish(daemon, 100_000, 1) < 300 and 100_000 in kept(daemon)


@pytest.fixture
def stopped(directory: Path) -> Iterator[DaemonProcess]:
    """A daemon that was stopped, with events in its journal."""
    daemon = DaemonProcess(directory)
    with daemon:
        for first in range(0, EVENTS, 10):
            assert 200 <= publish(daemon, first) < 300
    yield daemon
    if daemon.process is not None and daemon.process.poll() is None:
        daemon.stop()


def test_a_torn_tail_of_the_wal_is_no_damage(directory: Path) -> None:
    daemon = DaemonProcess(directory)
    with daemon:
        for first in range(0, 100, 10):
            publish(daemon, first)
        daemon.kill()
    wal = Path(f"{journal_of(daemon)}-wal")
    os.truncate(wal, wal.stat().st_size - 1000)

    with daemon:
        assert kept(daemon) >= set(range(80))
        assert takes_events(daemon)
        assert "damaged" not in daemon.tail()


def test_a_missing_wal_leaves_what_was_copied(directory: Path) -> None:
    daemon = DaemonProcess(directory)
    with daemon:
        for first in range(0, 100, 10):
            publish(daemon, first)
        assert daemon.stop() == 0
        daemon.start()
        publish(daemon, 100)
        daemon.kill()
    Path(f"{journal_of(daemon)}-wal").unlink()

    with daemon:
        assert kept(daemon) >= set(range(100))
        assert takes_events(daemon)


def test_a_flipped_bit_costs_its_row(stopped: DaemonProcess) -> None:
    raw = journal_of(stopped).read_bytes()
    place = raw.rindex(b"xxxxxx", 0, raw.index(b'"n": 155'))
    journal_of(stopped).write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])

    with stopped:
        assert len(kept(stopped)) == EVENTS - 10
        assert takes_events(stopped)
        assert "are damaged and passed over" in stopped.tail()
        assert stopped.run("journal verify").returncode == 1


def test_a_garbled_page_costs_its_rows(stopped: DaemonProcess) -> None:
    leaf = pages_of(journal_of(stopped), lambda page: page[0] == 0x0D and b"damage.one" in page)[3]
    garble(journal_of(stopped), leaf)

    with stopped:
        assert EVENTS - 40 <= len(kept(stopped)) < EVENTS
        assert takes_events(stopped)
        assert "damaged" in stopped.tail()


@pytest.mark.parametrize("page", ["first", "blocks", "right edge"])
def test_a_page_without_which_sqlite_is_lost_is_rescued_around(stopped: DaemonProcess, page: str) -> None:
    path = journal_of(stopped)
    edge = pages_of(path, lambda raw: raw[0] == 0x0D and b'"n": 299' in raw)
    garble(path, {"first": 1, "blocks": root_of(path, "blocks"), "right edge": edge[0]}[page])

    with stopped:
        assert len(kept(stopped)) >= EVENTS - 40
        assert "was put aside as" in stopped.tail()
        assert list(path.parent.glob("journal.sqlite.broken-*"))
        assert takes_events(stopped)
        assert stopped.run("journal verify").returncode == 0
    with stopped:
        assert takes_events(stopped)


def test_a_truncated_database_keeps_its_beginning(stopped: DaemonProcess) -> None:
    os.truncate(journal_of(stopped), journal_of(stopped).stat().st_size * 2 // 3)

    with stopped:
        assert 0 in kept(stopped)
        assert "was put aside as" in stopped.tail()
        assert takes_events(stopped)


def test_a_later_format_is_refused_and_left_alone(stopped: DaemonProcess) -> None:
    with sqlite3.connect(journal_of(stopped)) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = journal_of(stopped).read_bytes()

    done = stopped.run("run")

    assert done.returncode == 1
    assert b"format 99" in done.stderr
    assert journal_of(stopped).read_bytes() == before


@pytest.fixture
def small_disk(directory: Path) -> Iterator[Path]:
    """A file system of a few MiB for the state directory."""
    place = directory / "state"
    place.mkdir(exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@root_only
def test_a_full_disk_refuses_and_recovers_by_itself(directory: Path, small_disk: Path) -> None:
    with DaemonProcess(directory) as daemon:
        assert 200 <= publish(daemon, 0) < 300
        (small_disk / "ballast").write_bytes(bytes(shutil.disk_usage(small_disk).free - 65536))
        status, first = 0, 1000
        while status != 503:
            status = publish(daemon, first, 50)
            first += 50
        assert daemon.get("/readyz")[0] == 503
        assert "full" in daemon.status()["journal"]["problem"]
        assert daemon.run("journal dump").returncode == 0

        (small_disk / "ballast").unlink()

        until(lambda: daemon.get("/readyz")[0] == 200, timeout=10, what="the daemon to recover by itself")
        assert takes_events(daemon)
        assert set(range(10)) <= kept(daemon)


def test_an_input_output_error_refuses_and_recovers_by_itself(directory: Path) -> None:
    """No file of the daemon's may grow beyond a limit: to SQLite that is an I/O error like any other."""
    with DaemonProcess(directory) as daemon:
        assert 200 <= publish(daemon, 0) < 300
        assert daemon.process is not None
        limits = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
        status, first = 0, 1000
        while status != 503:
            status = publish(daemon, first, 50)
            first += 50
        assert "disk I/O error" in daemon.status()["journal"]["problem"]
        assert daemon.get("/readyz")[0] == 503

        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, limits)

        until(lambda: daemon.get("/readyz")[0] == 200, timeout=10, what="the daemon to recover by itself")
        assert takes_events(daemon)
        assert set(range(10)) <= kept(daemon)
        assert not list(journal_of(daemon).parent.glob("*.broken-*"))


@root_only
def test_a_read_only_directory_is_told_at_the_start_and_nothing_is_lost(directory: Path, small_disk: Path) -> None:
    daemon = DaemonProcess(directory)
    with daemon:
        assert 200 <= publish(daemon, 0) < 300
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)

    done = daemon.run("run")

    assert done.returncode != 0
    assert b"hint" in done.stderr
    assert b"Traceback" not in done.stderr
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    with daemon:
        assert kept(daemon) == set(range(10))


def test_the_commands_work_beside_a_running_daemon(stopped: DaemonProcess) -> None:
    with stopped:
        assert stopped.run("journal verify").returncode == 0
        told = json.loads(stopped.run("journal stats", "--json").stdout)
        assert told["types"] == {"damage.one": EVENTS}
        assert len(stopped.run("journal dump", "--json").stdout.splitlines()) == EVENTS
        copy = stopped.directory / "copy.sqlite"
        assert stopped.run("journal backup", str(copy)).returncode == 0
        pruned = json.loads(stopped.run("journal prune", "--before", "100", "--json").stdout)
        assert pruned == {"events": 100, "first": 100, "lost": {}}
        assert stopped.status()["journal"]["first"] == 100
        assert len(kept(stopped)) == EVENTS - 100
        # A backup is a journal.
        assert len(stopped.run("journal dump", "--file", str(copy)).stdout.splitlines()) == EVENTS
