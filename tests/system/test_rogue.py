"""Plugins that sin in every way, beside a healthy one and 1,000 connections, which go on.

One daemon has them all. Each test has one of them sin; then an event of the healthy one is handled,
and comes, with all that came before it, to each of the 1,000: a connection that was lost, or an
event, would be noticed here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from tests.support import rogue
from tests.support.daemon import DaemonProcess, install_plugin
from tests.support.readers import Crowd
from tests.support.wait import until

pytestmark = pytest.mark.system

CONNECTIONS = 1000
#: Seconds for one event to be everywhere, and for a sin to be over.
PATIENCE = 30.0


class Sinner(NamedTuple):
    """A handler: its class, what its section says beside the usual, and what becomes of one event of its type."""

    cls: str
    section: str = ""
    #: The reason of the dead letter; ``None`` where the event is settled.
    dead: str | None = None
    #: What the log says of it, and the line of its code that the log names.
    log: str = ""
    line: str = ""
    #: What the status has.
    status: Mapping[str, Any] = MappingProxyType({})
    attempts: int = 2


THREAD, PROCESS = "run = thread\ntimeout = 500ms\n", "run = process\ntimeout = 500ms\n"
SINNERS = {
    "raises": Sinner("Raises", dead="ValueError: as it likes", log="ValueError('as it likes')"),
    "sleeps": Sinner("Sleeps", line="time.sleep(0.7)", status={"run": "thread", "moved": True}),
    "sleeps-thread": Sinner("Sleeps", "run = thread\n", status={"run": "thread", "moved": False}),
    "spins": Sinner("Spins", dead="TimedOut: it did not return within 1 s", line="data = not data"),
    "spins-thread": Sinner("Spins", THREAD, dead="TimedOut", log="a call hangs", attempts=4),
    "spins-process": Sinner("Spins", PROCESS, dead="TimedOut: it did not return within 0.5 s", line="data = not data"),
    "regex": Sinner("Regex", dead="HeldTheLock", line="re.match(", status={"run": "green"}),
    "regex-process": Sinner("Regex", PROCESS, dead="TimedOut", line="re.match(", status={"run": "process"}),
    "leaks": Sinner("Leaks", "run = process\nmemory_limit = 300M\n", dead="MemoryError"),
    "exits": Sinner("Exits", dead="it called os._exit(3)"),
    "exits-process": Sinner("Exits", "run = process\n", dead="ended with exit code 3", log="ended with exit code 3"),
    "segfaults": Sinner("Segfaults", "run = process\n", dead="died 2 times", line="ctypes.string_at(0)"),
    "leaves": Sinner("Leaves", dead="it raised SystemExit(4)"),
    "leaves-thread": Sinner("Leaves", THREAD, dead="it raised SystemExit(4)"),
    "closes": Sinner("Closes", "run = process\n", dead="closed its line to the daemon"),
    "floods": Sinner("Floods", dead="more than 64 MiB were emitted"),
    "floods-process": Sinner("Floods", "run = process\n", dead="more than 64 MiB were emitted"),
    "hangs": Sinner("Hangs", dead="TimedOut: it did not return within 1 s", line="threading.Event().wait()"),
    "hangs-thread": Sinner("Hangs", THREAD, dead="TimedOut", log="a call hangs"),
    "hangs-process": Sinner("Hangs", PROCESS, dead="TimedOut", line="threading.Event().wait()"),
    "nonsense": Sinner("Nonsense"),
    "slow": Sinner("Slow", line="time.sleep(1.5)"),
    "fails": Sinner("Fails"),
}
SOURCE = Path(rogue.__file__).read_text()
CLASSES = sorted({sinner.cls for sinner in SINNERS.values()})

CONFIG = """
[eventd]
stall_limit = 200ms
stall_most = 1s
[handler:healthy]
[event_type:missing]
"""
SECTION = """
[handler:{name}]
attempts = {attempts}
poison_limit = 2
retry_first = 1ms
{more}
"""


def names_line(log: str, name: str, line: str) -> bool:
    """Whether an entry of the log names the handler with this line of its code."""
    [number] = [number for number, code in enumerate(SOURCE.splitlines(), 1) if line in code]
    # A loop is seen in either of its lines.
    places = [place for n in (number - 1, number) for place in (f"rogue.py:{n} in", f'rogue.py", line {n} in')]
    return any(f"handler:{name} " in entry and any(place in entry for place in places) for entry in log.splitlines())


class Stage:
    """The daemon with all of them, and the 1,000."""

    def __init__(self, daemon: DaemonProcess, crowd: Crowd) -> None:
        self.daemon, self.crowd = daemon, crowd
        self.beats = 0

    def send(self, type: str, data: int) -> None:
        """Publish an event, and have it acknowledged."""
        sent = self.daemon.run("send", type, "--data", str(data))
        assert sent.returncode == 0, sent.stderr

    def settled(self, name: str) -> dict[str, Any]:
        """A handler's status, when nothing waits for it any more."""

        def over() -> dict[str, Any] | None:
            row = self.daemon.consumer(f"handler:{name}")
            return row if row["pending"] == 0 else None

        found: dict[str, Any] = until(over, timeout=PATIENCE, what=f"{name} to be over")
        return found

    def letters(self, names: set[str]) -> dict[str, str]:
        """The reasons of the dead letters, when those of these consumers are in the journal."""

        def there() -> dict[str, str] | None:
            found = json.loads(self.daemon.get("/api/v1/dead")[1])
            reasons = {letter["consumer"]: letter["reason"] for letter in found}
            return reasons if names <= reasons.keys() else None

        return until(there, timeout=PATIENCE, what=f"letters of {names}") if names else {}

    def beat(self) -> None:
        """The healthy one handles an event, and each of the 1,000 has everything."""
        self.beats += 1
        self.send("healthy.beat", self.beats)
        until(lambda: self.daemon.consumer("handler:healthy")["settled"] == self.beats, timeout=PATIENCE)
        end = self.daemon.status()["journal"]["end"]
        self.crowd.read(lambda: all(reader.next == end for reader in self.crowd.readers), PATIENCE)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("rogue")
    entries = "".join(f"{name} = rogue:{sinner.cls}\n" for name, sinner in SINNERS.items())
    entries = f"[eventd.handlers]\nhealthy = rogue:Healthy\n{entries}[eventd.event_types]\nmissing = nowhere:Missing\n"
    site = install_plugin(directory, "rogue", SOURCE, entries)
    sections = "".join(
        SECTION.format(name=name, attempts=sinner.attempts, more=sinner.section) for name, sinner in SINNERS.items()
    )
    with DaemonProcess(directory, CONFIG + sections, path=[site]) as daemon:
        crowd = Crowd(daemon.port("http"))
        crowd.join(CONNECTIONS)
        yield Stage(daemon, crowd)
        crowd.close()


@pytest.mark.parametrize("cls", CLASSES)
def test_one_sins_and_all_others_go_on(stage: Stage, cls: str) -> None:
    sinners = {name: sinner for name, sinner in SINNERS.items() if sinner.cls == cls}
    before = stage.daemon.log.stat().st_size if cls != "Slow" else 0
    stage.send(f"rogue.{cls.lower()}", 1)
    rows = {name: stage.settled(name) for name in sinners}
    letters = stage.letters({f"handler:{name}" for name, sinner in sinners.items() if sinner.dead})
    log = stage.daemon.log.read_bytes()[before:].decode()

    for name, sinner in sinners.items():
        assert (rows[name]["settled"], rows[name]["dead"]) == ((0, 1) if sinner.dead else (1, 0)), name
        assert sinner.dead is None or sinner.dead in letters[f"handler:{name}"]
        assert sinner.log in log, name
        assert not sinner.line or names_line(log, name, sinner.line), name
        assert {key: rows[name][key] for key in sinner.status} == dict(sinner.status)
    stage.beat()


def test_one_that_cannot_be_imported_is_told_and_the_others_run(stage: Stage) -> None:
    [failed] = stage.daemon.status()["plugins_failed"]
    assert failed["name"] == "event_type:missing"
    assert "nowhere" in failed["error"]
    stage.beat()


def test_in_the_end_every_event_is_accounted_for_and_the_daemon_stops(stage: Stage) -> None:
    stage.beat()
    status = stage.daemon.status()
    assert status["imbalances"] == []
    assert sum(row["pending"] for row in status["consumers"]) == 0
    beats = [event["data"] for event in stage.daemon.events("done")]
    assert beats == [{"n": n, "sum": n} for n in range(1, stage.beats + 1)]
    assert stage.daemon.stop(40.0) == 0
    assert "handler:fails failed while it was stopped" in stage.daemon.log.read_text()
