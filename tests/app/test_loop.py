from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eventd import Emitter, Event, Handler, State, green
from eventd.app.loop import EventLoop
from eventd.errors import InvalidEvent, JournalUnavailable, Stopping, Unavailable
from tests.app.support import FAST, Started, loop_of, started
from tests.support.wait import until


class Reading(Event):
    type = "reading"

    class Data(msgspec.Struct):
        celsius: float

    data: Data

    def execute(self, state: State, emit: Emitter) -> None:
        emit("counted", {"count": state.add("count")})


class Seen:
    """A function that keeps the names of what it is called with, and where; stops the loop when it saw enough."""

    def __init__(self, loop: EventLoop | None = None, enough: int = 0) -> None:
        self.names: list[str] = []
        self.threads: set[str] = set()
        self._loop = loop
        self._enough = enough

    def __call__(self, event: Event) -> None:
        self.names.append(event.name)
        self.threads.add(threading.current_thread().name)
        if self._loop is not None and len(self.names) == self._enough:
            self._loop.stop()


def test_what_is_published_reaches_event_types_and_functions_and_so_does_what_they_emit() -> None:
    seen = Seen()
    loop = loop_of(Reading, seen)
    with started(loop):
        loop.publish(Reading(data=Reading.Data(20.5)), Event("other", {"x": 1}))
        until(lambda: len(seen.names) == 3)

    assert sorted(seen.names) == ["counted", "other", "reading"]
    assert seen.threads == {"handler:Seen"}


def test_it_runs_in_the_thread_that_starts_it_until_a_handler_stops_it() -> None:
    loop = loop_of()
    seen = Seen(loop, enough=2)
    loop.subscribe(seen)
    loop.publish(Event("a"))
    loop.publish(Event("b"))
    loop.start()

    assert seen.names == ["a", "b"]
    assert not loop.running


def test_what_was_published_before_it_stops_is_handled_and_so_is_what_that_leads_to() -> None:
    loop = loop_of()
    seen = Seen()

    @loop.subscribe
    def chain(event: Event) -> None:
        if event.name in ("a", "b", "c"):
            loop.publish(Event(chr(ord(event.name) + 1)))

    loop.subscribe(seen)
    loop.stop()
    loop.publish(Event("a"))
    loop.start()

    assert seen.names == ["a", "b", "c", "d"]


def test_after_the_end_nothing_is_taken() -> None:
    loop = loop_of()
    with started(loop):
        pass

    with pytest.raises(Stopping):
        loop.publish(Event("a"))


def test_it_can_be_started_again_in_another_thread_and_on_this_one() -> None:
    seen = Seen()
    loop = loop_of(seen)
    for name in ("a", "b"):
        with started(loop):
            loop.publish(Event(name))
            until(lambda name=name: name in seen.names)
    loop.subscribe(Seen(loop, enough=1), name="stops")
    threading.Thread(target=lambda: until(lambda: loop.running) and until(lambda: published(loop))).start()
    loop.start()

    assert seen.names == ["a", "b", "c"]


def published(loop: EventLoop) -> bool:
    try:
        loop.publish(Event("c"))
    except Stopping:
        return False
    return True


def test_two_loops_do_not_run_at_a_time_but_one_after_the_other() -> None:
    loop, other = loop_of(), loop_of()
    with started(loop):
        with pytest.raises(RuntimeError, match="runs in this process already"):
            other.start()
        with pytest.raises(RuntimeError, match="runs in this process already"):
            loop.start()
    other.stop()
    other.start()


def test_it_does_not_start_where_a_daemon_runs() -> None:
    other = Started(loop_of())
    green.install()

    def meanwhile() -> None:
        other.start()
        until(lambda: not other.is_alive(), pause=green.sleep)

    green.run(meanwhile)
    with pytest.raises(RuntimeError, match="runs in another thread"):
        other.ended()


def test_a_name_is_given_once() -> None:
    loop = loop_of(Seen(), Reading)
    with pytest.raises(ValueError, match="a subscriber called Seen already"):
        loop.subscribe(Seen())
    loop.subscribe(Seen(), name="another")


def test_all_is_subscribed_before_it_starts() -> None:
    loop = loop_of()
    with started(loop), pytest.raises(RuntimeError, match="before the event loop starts"):
        loop.subscribe(Seen())


def test_what_cannot_be_subscribed_leaves_the_rest_as_it_was() -> None:
    loop, seen = loop_of(), Seen()
    loop.subscribe(seen)
    with pytest.raises(ValueError):
        loop.subscribe(Seen(), name="other", attempts="many")  # type: ignore[arg-type]  # what is tested
    loop.publish(Event("a"))
    loop.stop()
    loop.start()

    assert seen.names == ["a"]


def test_what_is_no_event_or_does_not_fit_its_type_is_refused_where_it_is_published() -> None:
    loop = loop_of(Reading)
    with pytest.raises(TypeError, match="is no Event"):
        loop.publish("reading")  # type: ignore[arg-type]  # what is tested
    with pytest.raises(InvalidEvent, match=r"data\.celsius"):
        loop.publish(Event("reading", {"celsius": "hot"}))
    with pytest.raises(InvalidEvent):
        loop.publish(Event("a", source="not a reference"))
    loop.publish()


def test_an_event_has_an_id_a_source_and_a_time() -> None:
    found: list[Event] = []
    loop = loop_of(found.append)
    loop.publish(Event("a"), Event("a"))
    loop.publish(Event("a", id="mine", source="/me"))
    loop.stop()
    loop.start()

    assert len({event.id for event in found}) == 3
    assert found[0].source == found[1].source != found[2].source == "/me"
    assert found[0].source.startswith("eventd://")
    assert all(event.time for event in found[:2])


def test_one_that_fails_is_tried_again_and_given_up_and_stops_nothing() -> None:
    told: list[tuple[str, Any]] = []
    seen, tries = Seen(), []
    loop = loop_of(seen, on_error=lambda name, error: told.append((name, error)))

    def bad(event: Event) -> None:
        tries.append(event.id)
        raise ZeroDivisionError(f"attempt {len(tries)}")

    loop.subscribe(bad, types="bad", attempts=3, **FAST)
    with started(loop):
        loop.publish(Event("bad", 5, id="1"))
        until(lambda: told)
        loop.publish(Event("good"))
        until(lambda: "good" in seen.names)

    assert tries == ["1", "1", "1"]
    [(name, error)] = told
    assert name.endswith("bad")
    assert (str(error), error.attempts, error.event.data) == ("ZeroDivisionError: attempt 3", 3, 5)
    assert "in bad" in error.traceback


def test_an_on_error_that_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def failing(name: str, error: Exception) -> None:
        raise RuntimeError("not even that")

    loop = loop_of(on_error=failing)
    loop.subscribe(lambda event: 1 / 0, name="bad", attempts=1)
    loop.publish(Event("a"))
    loop.stop()
    loop.start()

    assert "not even that" in caplog.text


def test_before_the_start_so_much_is_kept_and_no_more() -> None:
    loop, published = loop_of(Seen(), buffer=10_000), 0
    with pytest.raises(Unavailable, match="wait already"):
        for _ in range(100):
            loop.publish(Event("a", "x" * 1000))
            published += 1

    assert 5 <= published < 10


def test_who_publishes_faster_than_the_others_handle_is_held_up() -> None:
    loop = loop_of(buffer=100_000)
    go, handled = threading.Event(), []

    @loop.subscribe
    def slow(event: Event) -> None:
        go.wait()
        handled.append(event.name)

    def publish() -> None:
        for number in range(200):
            loop.publish(Event(f"e{number}", "x" * 1000))

    publisher = threading.Thread(target=publish)
    with started(loop):
        publisher.start()
        until(lambda: loop._outbox.crowded)
        assert publisher.is_alive()
        go.set()
        until(lambda: len(handled) == 200, timeout=20.0)
        publisher.join()

    assert handled == [f"e{number}" for number in range(200)]


def test_a_subscriber_that_publishes_is_not_held_up_by_what_it_has_still_to_handle() -> None:
    loop = loop_of(buffer=20_000)
    handled: list[str] = []

    @loop.subscribe
    def copies(event: Event) -> None:
        handled.append(event.name)
        if event.name == "original":
            for _ in range(5):
                loop.publish(Event("copy", event.data))

    for _ in range(10):
        loop.publish(Event("original", "x" * 1000))
    loop.stop()
    loop.start()

    assert handled.count("copy") == 50


def test_on_the_hub_there_is_an_error_and_no_wait() -> None:
    loop = loop_of(buffer=20_000)
    errors: list[Exception] = []

    def green_one(event: Event) -> None:
        try:
            for _ in range(100):
                loop.publish(Event("copy", "x" * 1000))
        except Unavailable as error:
            errors.append(error)

    loop.subscribe(green_one, types="original", run="green")
    loop.publish(Event("original"))
    loop.stop()
    loop.start()

    assert len(errors) == 1


def test_green_and_threaded_ones_publish_from_where_they_are() -> None:
    seen = Seen()
    loop = loop_of(seen)
    loop.subscribe(lambda event: loop.publish(Event("from.hub")), name="green", types="a", run="green")
    loop.subscribe(lambda event: loop.publish(Event("from.thread")), name="thread", types="a")
    loop.publish(Event("a"))
    loop.stop()
    loop.start()

    assert sorted(seen.names) == ["a", "from.hub", "from.thread"]


def test_a_handler_is_run_with_its_own_batches() -> None:
    class Batches(Handler):
        types = ("a",)

        def __init__(self) -> None:
            self.calls: list[Any] = []

        def start(self) -> None:
            self.calls.append("start")

        def handle(self, batch: Any) -> None:
            self.calls.append(len(batch))

        def stop(self) -> None:
            self.calls.append("stop")

    batches = Batches()
    loop = loop_of(batches)
    loop.publish(*[Event("a")] * 5)
    loop.stop()
    loop.start()

    assert batches.calls == ["start", 5, "stop"]


def test_a_journal_that_cannot_be_had_is_told_and_the_loop_can_start_later(tmp_path: Path) -> None:
    seen = Seen()
    loop = loop_of(seen, journal=tmp_path / "no" / "such" / "directory")
    loop.publish(Event("a"))
    with pytest.raises(JournalUnavailable):
        loop.start()
    assert not loop.running
    (tmp_path / "no" / "such").mkdir(parents=True)
    loop.stop()
    with started(loop):
        until(lambda: seen.names == ["a"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_others_have_their_signals_again(number: int) -> None:
    seen = Seen()
    before = signal.getsignal(number)
    loop = loop_of(seen)
    loop.subscribe(lambda event: os.kill(os.getpid(), number), name="kills", types="kill")
    loop.publish(Event("kill"))
    loop.start()

    assert seen.names == ["kill"]
    assert signal.getsignal(number) is before


def test_a_second_signal_does_not_wait_for_what_is_left() -> None:
    loop = loop_of(stop_timeout=1000.0)
    go, begun = threading.Event(), threading.Event()

    @loop.subscribe
    def hangs(event: Event) -> None:
        begun.set()
        go.wait()

    def interrupt() -> None:
        begun.wait()
        os.kill(os.getpid(), signal.SIGINT)
        until(lambda: loop._running is None or loop._running.asked)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    loop.publish(Event("a"))
    loop.start()
    go.set()


def test_what_could_not_be_handled_in_time_is_told(caplog: pytest.LogCaptureFixture) -> None:
    loop = loop_of(stop_timeout=0.1)
    loop.subscribe(lambda event: 1 / 0, name="bad")
    loop.publish(Event("a"))
    loop.stop()
    loop.start()

    assert "1 events are not handled, and gone" in caplog.text
