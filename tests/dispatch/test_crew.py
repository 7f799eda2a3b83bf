"""A plugin in worker processes: real ones, on a real journal."""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eventd import green
from eventd.calls.messages import FromWorker, ToWorker, frame, from_worker
from eventd.dispatch import process
from eventd.dispatch.crew import Crew
from eventd.dispatch.process import WorkerDied
from eventd.event import Batch, Event
from eventd.formats.blocks import decode
from eventd.plugin.registry import Registry
from tests.dispatch import crewed
from tests.dispatch.crewed import Broken, Count, Early, Echo, Forger, Ignore, Liar, Much, Parent, Reading
from tests.dispatch.support import block_of, draft
from tests.dispatch.test_round import Scripted, fine
from tests.dispatch.world import FAST, World, on_hub, wait
from tests.plugin.support import configuration

#: Seconds in which a worker starts, on a machine that does other things.
PATIENT = 20.0


def world_of(directory: Path, handler: Any, more: str = "", workers: int = 1) -> World:
    return World(directory, {"it": handler}, text=f"[handler:it]\n{FAST}workers = {workers}\n{more}")


def emitted(world: World, type: str) -> list[Event]:
    """What was emitted of one type, in order."""
    return [event for block in world.journal.read(0) for event in decode(block) if event.type == type]


def told(world: World, type: str, *data: object, subjects: Callable[[int], str] = str) -> int:
    return world.publish(draft(*(Event(type, one, subject=subjects(n)) for n, one in enumerate(data))))


@on_hub
def test_a_worker_handles_and_what_it_emits_is_committed(tmp_path: Path) -> None:
    with world_of(tmp_path, Echo) as world:
        first = told(world, "do.nothing", *range(100))
        assert world.done("handler:it").settled == 100

        done = emitted(world, "done")
        assert [event.data["data"] for event in done] == list(range(100))
        assert [event.data["offset"] for event in done] == list(range(first, first + 100))
        assert {event.source for event in done} == {"eventd://test-node/handler/it"}
        [pid] = {event.data["pid"] for event in done}
        assert pid != os.getpid()
        assert world.status("handler:it").workers == 1
        assert [name for name, _ in world.timings] == ["handler:it"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@on_hub
def test_several_workers_share_a_batch(tmp_path: Path) -> None:
    with world_of(tmp_path, Echo, workers=2) as world:
        wait(lambda: world.status("handler:it").workers == 2)
        told(world, "do.nothing", *range(64))
        world.done("handler:it")

        done = emitted(world, "done")
        assert sorted(event.data["data"] for event in done) == list(range(64))
        assert len({event.data["pid"] for event in done}) == 2


@on_hub
def test_a_key_is_always_with_one_worker_and_in_order(tmp_path: Path) -> None:
    with world_of(tmp_path, Echo, "order_by = subject\n", workers=3) as world:
        for _ in range(3):
            told(world, "do.nothing", *range(40), subjects=lambda n: str(n % 7))
        world.done("handler:it")

        done = emitted(world, "done")
        for subject in map(str, range(7)):
            mine = [event for event in done if event.subject == subject]
            assert len({event.data["pid"] for event in mine}) == 1
            assert [event.data["offset"] for event in mine] == sorted(event.data["offset"] for event in mine)
        assert len(done) == 120


@on_hub
def test_what_the_plugin_raises_is_told_as_it_was(tmp_path: Path) -> None:
    with world_of(tmp_path, Echo, "attempts = 2\n") as world:
        told(world, "do.fail", 0)
        told(world, "do.error", "bad")
        told(world, "do.reject", 2)
        told(world, "do.leave", 3)
        told(world, "do.retry", 4)
        told(world, "do.nothing", 5)
        assert (world.done("handler:it").settled, world.status("handler:it").dead) == (1, 5)

        letters = {letter.reason: letter for letter in world.dead()}
        assert set(letters) == {
            "ValueError: alone", "ValueError: bad", "Reject: not this one", "PluginExit: it raised SystemExit(4)",
            "Retry: the handler asked to try again",
        }  # fmt: skip
        bad = letters["ValueError: bad"]
        assert (bad.attempts, letters["Reject: not this one"].attempts) == (2, 1)
        assert "crewed.py" in bad.traceback
        assert "raise ValueError(data)" in bad.traceback
        # What a call emitted that returned is kept, also for an event that it put aside itself.
        assert {event.data["data"] for event in emitted(world, "done")} == {0, 5}
        assert world.status("handler:it").restarts == 0


@pytest.mark.parametrize(
    ("sin", "words"),
    [("exit", "ended with exit code 3"), ("crash", "was killed by SIGSEGV"), ("close", "closed its line"),
     ("kill", "was killed by SIGKILL")],
)  # fmt: skip
@on_hub
def test_an_event_that_kills_is_put_aside_and_the_others_go_on(
    tmp_path: Path, sin: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    with world_of(tmp_path, Echo, "attempts = 0\npoison_limit = 2\n") as world:
        world.publish(
            draft(*(Event("do.nothing", n) for n in range(5)), Event(f"do.{sin}", None), Event("do.nothing", 5))
        )
        told(world, "do.nothing", 6)
        wait(lambda: world.status("handler:it").pending == 0)
        status = world.done("handler:it")

        assert (status.settled, status.dead) == (7, 1)
        [letter] = world.dead()
        assert "a process died 2 times while it handled this event" in letter.reason
        assert words in letter.reason
        assert sorted(event.data["data"] for event in emitted(world, "done")) == list(range(7))
        assert world.status("handler:it").restarts == 2
        if sin == "crash":
            place = re.compile(r"was killed by SIGSEGV, at .*crewed\.py:\d+ in crash, inside .*; stack: handle ")
            assert any(place.search(record.getMessage()) for record in caplog.records)
            assert place.search(letter.reason)


@pytest.mark.parametrize("sin", ["hang", "spin"])
@on_hub
def test_a_call_that_does_not_return_is_killed(tmp_path: Path, sin: str, caplog: pytest.LogCaptureFixture) -> None:
    with world_of(tmp_path, Echo, "attempts = 1\ntimeout = 300ms\n") as world:
        told(world, f"do.{sin}", 0)
        told(world, "do.nothing", 1)
        status = world.done("handler:it")

        assert (status.settled, status.dead) == (1, 1)
        [letter] = world.dead()
        assert "did not return within 0.3 s; its worker was killed, at " in letter.reason
        place = rf"was killed, at .*crewed\.py:\d+ in {sin}\b.*; stack: handle "
        lines = [record.getMessage() for record in caplog.records if record.name == "eventd.dispatch.process"]
        assert lines
        assert all(re.search(rf"took longer than 0\.3 s and {place}", line) for line in lines)
        assert re.search(place, letter.reason)


@on_hub
def test_a_worker_that_leaks_is_replaced_and_its_events_are_handled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with world_of(tmp_path, Echo, "memory_limit = 400M\nbatch_size = 1\n") as world:
        told(world, "do.leak", *range(20))
        status = world.done("handler:it")

        assert (status.settled, status.dead) == (20, 0)
        assert status.restarts >= 2
    assert "a worker of handler:it had no memory left (memory_limit = 400M) and is replaced" in caplog.messages
    failed = next(message for message in caplog.messages if "failed, attempt 1" in message)
    line = Echo.leak.__code__.co_firstlineno + 1
    assert failed.endswith(f"MemoryError('no memory left (memory_limit = 400M)') at {crewed.__file__}:{line}")


@on_hub
def test_what_a_worker_logs_is_in_the_daemons_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with world_of(tmp_path, Echo) as world:
        told(world, "do.tell", "afar")
        world.done("handler:it")
        [record] = [record for record in caplog.records if record.message == "hello from afar"]
        assert (record.name, record.levelno) == ("eventd.handler.it", logging.WARNING)


@on_hub
def test_what_a_worker_read_before_it_was_called_is_not_held_to(tmp_path: Path) -> None:
    with world_of(tmp_path, Early, workers=2) as world:
        wait(lambda: world.status("handler:it").workers == 2)
        for _ in range(5):
            told(world, "count", "add", subjects=lambda n: "s")
            world.done("handler:it")
        told(world, "count", "add", "add", subjects=lambda n: "s")
        world.done("handler:it")

        assert sorted(event.data for event in emitted(world, "sum")) == list(range(1, 8))


@pytest.mark.parametrize(("way", "words"), [("leave", "ended with exit code 3"), ("hang", "did not return")])
@on_hub
def test_children_of_a_worker_do_not_hide_its_end(tmp_path: Path, way: str, words: str) -> None:
    with world_of(tmp_path, Parent, "attempts = 1\ntimeout = 500ms\n") as world:
        told(world, "do.nothing", way)
        told(world, "do.nothing", 1)
        status = world.done("handler:it")

        assert (status.settled, status.dead) == (1, 1)
        assert words in world.dead()[0].reason


@on_hub
def test_a_forged_answer_makes_no_event_handled(tmp_path: Path) -> None:
    with world_of(tmp_path, Forger, "attempts = 1\n") as world:
        told(world, "do.nothing", "forge")
        told(world, "do.nothing", 1)
        status = world.done("handler:it")

        assert (status.settled, status.dead) == (1, 1)
        assert "answered what it was not asked" in world.dead()[0].reason


@on_hub
def test_what_was_not_emitted_by_the_rules_is_in_no_journal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = f"[handler:it]\n{FAST}attempts = 1\nbatch_size = 1\n[handler:other]\n{FAST}"
    with World(tmp_path, {"it": Liar, "other": Ignore}, text=text) as world:
        for lie in ("count", "body", "name", "failure", "nothing"):
            told(world, "lie", lie)
        status = world.done("handler:it")
        assert world.done("handler:other").state in ("idle", "running")

        assert (status.settled, status.dead) == (2, 3)
        count, body, name = [letter.reason for letter in world.dead()]
        assert "said what nobody may say: what is said to be 1000000 emitted events" in count
        assert "said what nobody may say" in body
        assert name == "_Raised: "
        assert [event.data for event in emitted(world, "done")] == ["failure", "nothing"]
        assert world.journal.end == 5 + 2
        assert "goes on from its last place" not in caplog.text


@on_hub
def test_deaths_are_counted_since_a_worker_did_its_work(tmp_path: Path) -> None:
    registry, bridge = Registry(configuration(tmp_path, "[handler:it]\nworkers = 2\n")), green.Bridge()
    registry.add("handler", "it", Echo)
    crew = Crew(registry.handlers["it"], bridge, bytes, None, None, lambda seconds: None)
    block = block_of(0, draft(*(Event("do.nothing", n) for n in range(4))))

    def deaths(*workers: Scripted) -> int:
        crew._workers = list(workers)  # type: ignore[arg-type]  # what a round asks of a worker
        crew.run(Batch(4, list, [(block, range(4))]))
        return crew.deaths

    died = WorkerDied("by a signal")
    assert deaths(Scripted(died), Scripted(died)) == 2
    assert deaths(Scripted(died), Scripted(died)) == 4
    assert crew.quiet < 60.0
    assert deaths(Scripted(died), Scripted(fine(), fine(), fine())) == 1
    assert deaths(Scripted(died), Scripted(fine(), fine(), fine())) == 1
    assert deaths(Scripted(fine(), fine()), Scripted(fine(), fine())) == 0
    crew._starter.stop(1.0)
    bridge.close()


@on_hub
def test_an_idle_worker_that_dies_is_replaced_when_it_is_needed(tmp_path: Path) -> None:
    with world_of(tmp_path, Echo) as world:
        told(world, "do.nothing", 0)
        world.done("handler:it")
        [event] = emitted(world, "done")
        os.kill(event.data["pid"], 9)
        wait(lambda: world.status("handler:it").workers == 0)
        told(world, "do.nothing", 1)
        world.done("handler:it")

        assert world.status("handler:it").settled == 2
        assert world.status("handler:it").dead == 0


@pytest.mark.parametrize("workers", [1, 3])
@on_hub
def test_a_state_that_several_workers_write_is_as_if_one_did(tmp_path: Path, workers: int) -> None:
    with world_of(tmp_path, Count, "batch_size = 50\n", workers=workers) as world:
        for _ in range(4):
            told(world, "count", *["add"] * 60, subjects=lambda n: str(n % 3))
        world.done("handler:it")
        told(world, "count", "search")
        world.done("handler:it")

        sums = [(event.subject, event.data) for event in emitted(world, "sum")]
        assert Counter(sums) == Counter((str(key), n) for key in range(3) for n in range(1, 81 + (key == 0)))
        [keys] = [event.data for event in emitted(world, "keys")]
        assert keys == {"range": [["of 0", 81], ["of 1", 80], ["of 2", 80]], "count": 3}
        assert world.journal.state("handler:it").count() == 3
    with world_of(tmp_path, Count, workers=workers) as world:
        told(world, "count", "again")
        world.done("handler:it")
        assert emitted(world, "sum")[-1].data == 82


@on_hub
def test_much_comes_and_goes_in_small_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def heard(body: bytes) -> FromWorker:
        sizes.append(len(body))
        return from_worker(body)

    def said(message: ToWorker) -> bytes:
        framed = frame(message)
        sizes.append(len(framed))
        return framed

    monkeypatch.setattr(process, "from_worker", heard)
    monkeypatch.setattr(process, "frame", said)
    with world_of(tmp_path, Much, "attempts = 1\n") as world:
        for number in (8000, 0):
            told(world, "much", number)
            world.done("handler:it")

        assert [event.data for event in emitted(world, "found")] == [[0, True], [8000, True]]
        assert [event.data for event in emitted(world, "done")] == list(range(8000))
        assert world.journal.state("handler:it").count() == 8000
    assert sum(sizes) > 4 * 256_000
    assert max(sizes) < 300_000


@on_hub
def test_an_event_type_runs_in_a_worker(tmp_path: Path) -> None:
    text = f"[event_type:Reading]\n{FAST}run = process\nattempts = 1\n"
    with World(tmp_path, event_types=[Reading], text=text) as world:
        world.publish(draft(*(Event("reading", {"n": n}) for n in (1, -1, 2))))
        status = world.done("event_type:Reading")

        assert (status.settled, status.dead) == (2, 1)
        assert [event.data["n"] for event in emitted(world, "seen")] == [1, 3]
        assert "below nothing" in world.dead()[0].reason


@on_hub
def test_a_plugin_that_cannot_be_started_is_told_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with world_of(tmp_path, Broken) as world:
        told(world, "count", 1)
        wait(lambda: caplog.text.count("it cannot be started: ValueError: not today") >= 2)

        assert world.status("handler:it").state == "failing"
        assert world.status("handler:it").pending == 1
        assert "crewed.py" in caplog.text
