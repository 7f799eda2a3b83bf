"""The oracle: whatever is done to the daemon, nothing acknowledged is lost and nothing is done twice inside.

Publishers on every protocol keep a ledger outside the daemon while a driver kills, stops and
freezes it and fills its disk. Afterwards the ledger, the journal and the consumers' notes are
held against each other. ``EVENTD_TEST_ORACLE_SECONDS=600`` is a long run, and another
``EVENTD_TEST_ORACLE_SEED`` other faults at other moments.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.daemon import DaemonProcess, install_plugin
from tests.support.wait import until
from tests.system.oracle import plugin
from tests.system.oracle.driver import Disk, Driver, is_root
from tests.system.oracle.ledger import Ledger
from tests.system.oracle.publishers import Publisher, start_publishers
from tests.system.oracle.verdicts import CONSUMERS, books, dead_letters, verdicts

SECONDS = float(os.environ.get("EVENTD_TEST_ORACLE_SECONDS", "40"))
SEED = os.environ.get("EVENTD_TEST_ORACLE_SEED", "2026")

#: Megabytes of the small disk for each second: several times what publishers can fill.
ROOM = 4

ENTRY_POINTS = """
[eventd.handlers]
count = oracle_plugin:Count
threaded = oracle_plugin:Threaded
raising = oracle_plugin:Raising
[eventd.event_types]
execute = oracle_plugin:Execute
"""
CONFIG = """
[eventd]
state_dir = {state}
[listener:http]
bind = 127.0.0.1:{http}
[listener:forward]
bind = 127.0.0.1:{forward}
"""
CONSUMER = """
[{name}]
ledger = {notes}
start = earliest
attempts = 1000
retry_first = 0.02s
retry_most = 0.1s
batch_size = 50
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk | None]:
    """A small disk for the journal; without root it has the disk of all tests, which is never full."""
    if not is_root() or shutil.which("mount") is None:
        yield None
        return
    small = Disk(tmp_path / "disk", 64 + int(SECONDS * ROOM))
    yield small
    small.remove()


def ports() -> list[int]:
    """Two ports that stay the same over all restarts."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    numbers = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return numbers


def oracle_daemon(directory: Path, state: Path, notes: Path, http: int, forward: int) -> DaemonProcess:
    """A daemon with the four consumers."""
    notes.mkdir()
    code = Path(plugin.__file__).read_text()
    site = install_plugin(directory, "oracle_plugin", code, ENTRY_POINTS)
    config = CONFIG.format(state=state, http=http, forward=forward)
    config += "".join(CONSUMER.format(name=name, notes=notes) for name, _ in CONSUMERS.values())
    return DaemonProcess(directory, config, [site])


def finish(publishers: Sequence[Publisher]) -> None:
    """Have the publishers end; a door that did what it never should is told."""
    for publisher in publishers:
        publisher.over.set()
    for publisher in publishers:
        publisher.join(30)
        assert publisher.failure is None, f"{publisher.name}: {publisher.failure!r}"


def drain(daemon: DaemonProcess, timeout: float) -> None:
    """Wait until every consumer is done."""

    def done() -> bool:
        status = daemon.status()
        return status["events"]["pending"] == 0 and all(row["pending"] == 0 for row in status["consumers"])

    try:
        until(done, timeout=timeout)
    except AssertionError:
        status = daemon.status()
        raise AssertionError(f"not done: {status['consumers']}, {status['events']}\n{daemon.tail()}") from None


@pytest.mark.timeout(4 * SECONDS + 300)
def test_nothing_is_lost_and_nothing_is_done_twice(directory: Path, disk: Disk | None) -> None:
    http, forward = ports()
    notes, ledger = directory / "notes", Ledger(directory / "ledger.sqlite")
    state = disk.place / "state" if disk else directory / "state"
    daemon = oracle_daemon(directory, state, notes, http, forward)
    with daemon:
        publishers = start_publishers("", http, forward, ledger, SEED)
        driver = Driver(daemon, publishers, SEED, disk)
        driver.run(SECONDS)
        finish(publishers)
        drain(daemon, 60 + SECONDS)
        found = [f"before the last restart: {each}" for each in books(daemon.status())]

        assert daemon.stop() == 0
        daemon.start()
        fresh = start_publishers("fresh-", http, forward, ledger, SEED)
        until(lambda: all(each.acknowledged or each.failure for each in fresh), timeout=20, what="fresh events to pass")
        finish(fresh)
        drain(daemon, 30)
        ledger.gather(notes, daemon)
        status = daemon.status()
        found += verdicts(ledger) + books(status) + dead_letters(status, ledger)

    told = f"seed {SEED}, {ledger.count('SELECT count(*) FROM sent')} events, faults: {'; '.join(driver.history)}"
    assert not found, "\n".join([*found, told, daemon.tail()])
