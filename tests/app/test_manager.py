from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eventd import Emitter, Event, EventManager, State
from eventd.app import place
from eventd.errors import JournalUnavailable
from eventd.journal import Journal
from tests.app.support import FAST, loop_of, started
from tests.support.wait import until


class Sold(Event):
    type = "sold"

    def execute(self, state: State, emit: Emitter) -> None:
        emit("count", state.add("sold"))


def counts_of(journal: Path, *events: Event) -> list[int]:
    """What an event type has counted to with these, in a process of its own as far as the journal knows."""
    found: list[Event] = []
    loop = EventManager(journal).create_event_loop()
    loop.subscribe(Sold)
    loop.subscribe(found.append, name="found", types="count")
    loop.publish(*events)
    loop.stop()
    loop.start()
    return [event.data for event in found]


def test_in_memory_nothing_is_left_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(place, "LEAST_FREE", 0)
    there: list[int] = []
    loop = loop_of(lambda event: there.append(len(list(tmp_path.glob("eventd-*/events.sqlite")))))
    loop.publish(Event("a"))
    loop.stop()
    loop.start()

    assert there == [1]
    assert list(tmp_path.iterdir()) == []


def test_with_a_journal_state_goes_on_in_the_next_program(tmp_path: Path) -> None:
    assert counts_of(tmp_path / "events", Sold(), Sold()) == [1, 2]
    assert counts_of(tmp_path / "events") == []
    assert counts_of(tmp_path / "events", Sold()) == [3]


def test_what_waits_for_its_next_attempt_does_not_hold_up_the_end_and_is_tried_by_the_next_program(
    tmp_path: Path,
) -> None:
    manager, fails = EventManager(tmp_path / "events", stop_timeout=1000.0), True
    handled: list[str] = []

    def flaky(event: Event) -> None:
        handled.append(str(event.id))
        if fails:
            raise ZeroDivisionError

    loop = manager.create_event_loop()
    loop.subscribe(flaky, name="flaky", retry_first=1000.0, retry_most=1000.0)
    with started(loop):
        loop.publish(Event("a", id="1"))
        until(lambda: handled)
    fails = False
    again = manager.create_event_loop()
    again.subscribe(flaky, name="flaky")
    with started(again):
        until(lambda: handled == ["1", "1"])


def test_dead_letters_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[Any] = []
    close = Journal.close
    monkeypatch.setattr(
        Journal, "close", lambda self, timeout: left.extend(self.dead_letters()) or close(self, timeout)
    )
    for _ in range(2):
        loop = EventManager(tmp_path / "events").create_event_loop()
        loop.subscribe(lambda event: 1 / 0, name="bad", attempts=2, **FAST)
        if not left:
            loop.publish(Event("a", id="1"))
        with started(loop) as program:
            until(lambda loop=loop, program=program: not program.is_alive() or not pending(loop))

    assert [letter.consumer for letter in left] == ["handler:bad", "handler:bad"]
    assert left[0].id == left[1].id


def pending(loop: Any) -> bool:
    running = loop._running
    return running is None or not running.started or bool(running.pending)


PROGRAM = """
import sys
from eventd import Event, EventManager

loop = EventManager("events.sqlite").create_event_loop()

@loop.subscribe
def process(event):
    print(event.id, flush=True)
    if "die" in sys.argv:
        sys.stdin.read()
    if event.id == "3":
        loop.stop()

if "die" in sys.argv:
    loop.publish(*[Event("a", id=str(number)) for number in range(4)])
loop.start()
"""


@pytest.mark.system
def test_what_was_published_and_not_handled_when_the_process_dies_is_handled_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    dying = subprocess.Popen(
        [sys.executable, "program.py", "die"], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert dying.stdout is not None and dying.stdin is not None
    assert dying.stdout.readline() == b"0\n"
    dying.kill()
    dying.wait()
    dying.stdout.close()
    dying.stdin.close()
    again = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, timeout=30, check=True)

    assert again.stdout.split() == [b"0", b"1", b"2", b"3"]


def test_one_journal_has_one_process(tmp_path: Path) -> None:
    code = f"""
from eventd import EventManager
loop = EventManager({str(tmp_path / "events")!r}).create_event_loop()
loop.start()
"""
    loop = EventManager(tmp_path / "events").create_event_loop()
    with started(loop):
        until(lambda: loop.running)
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)

    assert other.returncode == 1
    assert (
        f"{JournalUnavailable.__name__}: the journal {tmp_path / 'events'} is in use by another process" in other.stderr
    )


def test_the_journal_is_where_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    loop = EventManager("events.sqlite").create_event_loop()
    monkeypatch.chdir(tmp_path / "elsewhere")
    loop.stop()
    loop.start()

    assert (tmp_path / "events.sqlite").exists()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_program_of_the_page_runs(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (root / "docs" / "embedding.md").read_text()
    [block] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    code = block.replace(":8080", ":1").replace("loop.start()", "loop.stop()\nloop.start()")
    exec(compile(code, "page", "exec", dont_inherit=True), {"__name__": "page"})

    assert capsys.readouterr().out == "event_type_1 UNSET\n"
