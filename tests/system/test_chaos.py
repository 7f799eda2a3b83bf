"""Chaos: publishers, subscribers and the daemon are killed while the network between them fails; nothing is lost.

Children that use ``eventd.client`` talk to the daemon through a proxy that delays, cuts,
stalls and refuses (``tests/support/chaos.py``). They and the daemon are killed by SIGKILL
and started again. Then it becomes calm, everybody finishes, and what each wrote down is
held against the journal.

``EVENTD_TEST_CHAOS_SECONDS=600`` is a long run, and another ``EVENTD_TEST_CHAOS_SEED`` other
faults at other moments.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.chaos import KINDS, ChaosProxy
from tests.support.daemon import DaemonProcess
from tests.support.wait import until
from tests.system.chaos import verdicts
from tests.system.chaos.crew import GROUP, SUBSCRIBERS, Child, Crew
from tests.system.chaos.storm import Storm

SECONDS = float(os.environ.get("EVENTD_TEST_CHAOS_SECONDS", "25"))
SEED = os.environ.get("EVENTD_TEST_CHAOS_SEED", "2026")

#: Seconds in which everybody has everything when it is calm.
CALM = 60 + SECONDS
CONSUMER = f"subscription:{GROUP}"

CONFIG = """
[journal]
dedupe_window = 1h
[limits]
idle_timeout = 4s
[listener:http]
bind = 127.0.0.1:{port}
"""


def free_port() -> int:
    """A port that stays the same over all restarts."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def finish(publishers: Sequence[Child]) -> None:
    """Have them wait for their last acks, and end."""
    for publisher in publishers:
        assert publisher.stop() == 0, publisher.log.read_text()[-2000:]


def catch_up(daemon: DaemonProcess, crew: Crew, journal: list[dict[str, Any]]) -> None:
    """Wait until every subscriber has the last event that it wants, and all are settled."""
    for name, child in crew.subscribers.items():
        newest = max(each["eventdoffset"] for each in journal if verdicts.wants(SUBSCRIBERS[name][1], each))
        until(
            lambda child=child, newest=newest: child.last().get("offset", 0) > newest,
            timeout=CALM, what=f"{child.name} to have the event at {newest}",
        )  # fmt: skip
    until(lambda: daemon.consumer(CONSUMER)["pending"] == 0, timeout=CALM, what="the workers to settle everything")


def judge(crew: Crew, journal: list[dict[str, Any]]) -> list[str]:
    """All that is held against the daemon and its clients."""
    found = verdicts.stored_once(journal)
    for publisher in crew.publishers:
        found += [f"{publisher.name}: {each}" for each in verdicts.acknowledged(journal, publisher.lines())]
    for name, child in crew.subscribers.items():
        told = verdicts.subscriber(journal, SUBSCRIBERS[name][1], child.lines())
        found += [f"{child.name}: {each}" for each in told]
    found += verdicts.workers(journal, crew.notes(crew.workers))
    return found + crew.complaints()


@pytest.mark.timeout(4 * SECONDS + 300)
def test_whatever_fails_nothing_is_lost_and_nothing_is_left_out_in_silence(directory: Path) -> None:
    port = free_port()
    daemon = DaemonProcess(directory, CONFIG.replace("{port}", str(port)))
    with daemon, ChaosProxy(port, SEED) as proxy, Crew(directory / "notes", proxy.port) as crew:
        storm = Storm(daemon, crew, SEED)
        proxy.storm()
        storm.run(SECONDS)
        proxy.calm()
        told = f"seed {SEED}, faults {dict(proxy.done)}, kills: {'; '.join(storm.history)}"
        try:
            storm.last_blow()
            crew.settle()
            finish(crew.publishers)
            journal = daemon.events("chaos.>")
            catch_up(daemon, crew, journal)
            for child in crew.consumers:
                assert child.stop() == 0, child.log.read_text()[-2000:]
            storm.audit()
            found = storm.found + judge(crew, journal) + verdicts.books(daemon.status(), CONSUMER)
            assert daemon.stop() == 0
        except AssertionError as error:
            raise AssertionError(f"{error}\n{told}\n{daemon.tail()}") from None
    assert not [line for line in daemon.log.read_text().splitlines() if "Traceback" in line or " ERROR " in line]
    assert not found, "\n".join([*found, told, daemon.tail()])
    assert set(KINDS) <= set(proxy.done)
    assert len(journal) > 10 * SECONDS


JOURNAL = [
    {"id": f"{kind}-1-{number}", "type": f"chaos.{kind}", "eventdoffset": 10 + 2 * number + (kind == "b")}
    for number in range(5)
    for kind in "ab"
]
#: What an honest subscriber to everything writes, killed once in the middle.
STORY: list[dict[str, Any]] = [
    {"begin": 10, "offset": 10, "epoch": "e"},
    *({"event": 10 + each, "id": JOURNAL[each]["id"], "offset": 11 + each, "epoch": "e"} for each in range(5)),
    {"begin": 15, "offset": 15, "epoch": "e"},
    *({"event": 10 + each, "id": JOURNAL[each]["id"], "offset": 11 + each, "epoch": "e"} for each in range(5, 10)),
]
EVERYTHING: dict[str, Any] = {"types": ["chaos.>"]}


def test_an_honest_story_has_no_findings() -> None:
    ack = {"ids": ["a-1-0", "b-1-0"], "first": 10, "last": 11, "durability": "disk"}
    done = [{"done": event["eventdoffset"], "id": event["id"]} for event in JOURNAL]
    asked = {"retry": 10, "id": "a-1-0"}
    only_a = [STORY[0], *(line for line in STORY if line.get("id", "").startswith("a"))]

    assert verdicts.stored_once(JOURNAL) == []
    assert verdicts.acknowledged(JOURNAL, [{"run": 1}, ack]) == []
    assert verdicts.subscriber(JOURNAL, EVERYTHING, STORY) == []
    assert verdicts.subscriber(JOURNAL, {"types": ["chaos.a"]}, only_a) == []
    assert verdicts.workers(JOURNAL, {"first": [asked, *done[1:6]], "second": [*done[6:], done[0]]}) == []


@pytest.mark.parametrize("change, finding", [
    (lambda story: story.pop(3), "left out in silence: 1 (12)"),
    (lambda story: story.insert(3, {"gap": [12, 13], "offset": 13, "epoch": "e"}), "told of a gap where nothing"),
    (lambda story: story[3].update(id="ghost"), "seen, but not in the journal: 1 ((12, 'ghost'))"),
    (lambda story: story.insert(4, story[3]), "not in rising order: 1 (12)"),
    (lambda story: story[6].update(begin=14, offset=14), "began again elsewhere than it had been: 1 (14)"),
    (lambda story: story[3].update(offset=12), "another place than the one behind the event: 1 (12)"),
    (lambda story: story[8].update(epoch="f"), "epochs beside the first: 1 (f)"),
    (lambda story: story.clear(), "it never began"),
])  # fmt: skip
def test_each_crime_against_a_subscriber_is_told(
    change: Callable[[list[dict[str, Any]]], object], finding: str
) -> None:
    story = [dict(line) for line in STORY]
    change(story)
    assert any(told.startswith(finding) for told in verdicts.subscriber(JOURNAL, EVERYTHING, story))


@pytest.mark.parametrize("lines, finding", [
    ([{"ids": ["lost"], "first": 3, "last": 3, "durability": "disk"}],
     "acknowledged, but not in the journal: 1 (lost)"),
    ([{"ids": ["a-1-1"], "first": 13, "last": 13, "durability": "disk"}],
     "acknowledged with other offsets than in the journal: 1 (a-1-1)"),
    ([{"ids": ["a-1-1"], "first": 12, "last": 12, "durability": "memory"}], "acknowledged with another promise"),
    ([{"failed": ["a-1-1"], "why": "Nacked"}], "given up by the client: 1 (a-1-1)"),
])  # fmt: skip
def test_each_crime_against_a_publisher_is_told(lines: list[dict[str, Any]], finding: str) -> None:
    assert any(told.startswith(finding) for told in verdicts.acknowledged(JOURNAL, lines))


def test_what_is_stored_twice_never_done_or_made_up_is_told() -> None:
    done = [{"done": event["eventdoffset"], "id": event["id"]} for event in JOURNAL[1:]]

    assert verdicts.stored_once([*JOURNAL, JOURNAL[0]]) == ["stored several times: 1 (a-1-0)"]
    assert verdicts.workers(JOURNAL, {"first": [{"retry": 10, "id": "a-1-0"}, *done]}) == [
        "never done: 1 (10)", "asked for again, and never done: 1 (10)",
    ]  # fmt: skip
    assert verdicts.workers(JOURNAL[1:], {"first": [*done, {"done": 99, "id": "ghost"}]}) == [
        "handed out, but not in the journal: 1 ((99, 'ghost'))"
    ]
