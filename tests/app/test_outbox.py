from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from eventd.app.outbox import ENTRY, Outbox, Patience
from eventd.errors import Stopping, TooLarge, Unavailable
from eventd.event import Draft, Encoding
from tests.support.wait import until

NOTHING, DURABLE, HANDLED = Patience.NOTHING, Patience.DURABLE, Patience.HANDLED


def draft(name: str = "a", size: int = 0, count: int = 1) -> Draft:
    return Draft(Encoding.JSON, count, (name,), b"x" * size)


class Called:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def test_what_is_put_before_it_opens_waits_there_and_comes_out_in_order() -> None:
    outbox, called = Outbox(1 << 20), Called()
    for name in "abc":
        outbox.put(draft(name), HANDLED)
    assert called.times == 0
    outbox.open(called)

    assert called.times == 1
    assert [one.types[0] for one in outbox.take(1 << 20)] == ["a", "b", "c"]
    assert outbox.take(1 << 20) == []


def test_it_calls_once_for_all_that_is_there() -> None:
    outbox, called = Outbox(1 << 20), Called()
    outbox.open(called)
    for name in "abc":
        outbox.put(draft(name), HANDLED)
    assert called.times == 1

    outbox.take(1)
    outbox.put(draft(), HANDLED)
    assert called.times == 2


def test_it_gives_about_as_much_as_is_asked_for() -> None:
    outbox = Outbox(1 << 20)
    for name in "abc":
        outbox.put(draft(name, 1000), NOTHING)

    assert [one.types[0] for one in outbox.take(1001 + ENTRY)] == ["a", "b"]


def test_what_is_pending_is_counted_until_it_is_written() -> None:
    outbox = Outbox(1 << 20)
    outbox.put(draft(count=3), NOTHING)
    taken = outbox.take(1 << 20)
    assert (outbox.count, outbox.pending) == (3, ENTRY)
    outbox.written(taken, 3)

    assert (outbox.count, outbox.pending) == (0, 0)


def test_before_it_opens_nobody_waits_for_room() -> None:
    outbox = Outbox(2 * ENTRY)
    outbox.put(draft(), HANDLED)
    outbox.put(draft(), HANDLED)

    with pytest.raises(Unavailable, match="wait already"):
        outbox.put(draft(), HANDLED)
    assert outbox.count == 2


def test_what_never_has_room_is_refused() -> None:
    with pytest.raises(TooLarge):
        Outbox(2 * ENTRY).put(draft(size=2 * ENTRY), HANDLED)


def full() -> tuple[Outbox, Called]:
    """An outbox whose two drafts are durable and not handled."""
    outbox, called = Outbox(2 * ENTRY), Called()
    outbox.open(called)
    outbox.put(draft(), HANDLED)
    outbox.put(draft(), HANDLED)
    outbox.written(outbox.take(1 << 20), 2)
    return outbox, called


def test_who_handles_events_is_held_up_by_what_is_not_durable_only() -> None:
    outbox, _ = full()
    outbox.put(draft(), DURABLE)
    outbox.put(draft(), NOTHING)

    with pytest.raises(Unavailable):
        outbox.put(draft(), NOTHING)


def test_others_wait_until_all_have_handled_enough() -> None:
    outbox, called = full()
    with ThreadPoolExecutor(1) as threads:
        putting = threads.submit(outbox.put, draft("late"), HANDLED)
        until(lambda: outbox.crowded and called.times == 2, what="it to ask for room, and wait")
        outbox.handled(1)
        assert not putting.done()
        outbox.handled(2)
        putting.result(5)

    assert [one.types[0] for one in outbox.take(1 << 20)] == ["late"]
    assert not outbox.crowded


def test_who_waits_for_the_disk_goes_on_when_it_has_written() -> None:
    outbox = Outbox(2 * ENTRY)
    outbox.open(Called())
    outbox.put(draft(), DURABLE)
    outbox.put(draft(), DURABLE)
    taken = outbox.take(1 << 20)
    with ThreadPoolExecutor(1) as threads:
        putting = threads.submit(outbox.put, draft("late"), DURABLE)
        until(lambda: outbox.crowded, what="it to wait")
        outbox.written(taken, 2)
        putting.result(5)

    assert outbox.count == 1


def test_the_end_is_told_to_who_waits_and_to_who_comes_later() -> None:
    outbox, _ = full()
    outbox.put(draft(count=5), DURABLE)
    with ThreadPoolExecutor(1) as threads:
        putting = threads.submit(outbox.put, draft(), HANDLED)
        until(lambda: outbox.crowded, what="it to wait")
        assert outbox.close() == 5
        with pytest.raises(Stopping):
            putting.result(5)

    with pytest.raises(Stopping):
        outbox.put(draft(), NOTHING)
    assert outbox.count == 0


def test_it_can_be_opened_again() -> None:
    outbox, _ = full()
    outbox.close()
    outbox.open(Called())
    outbox.put(draft(), HANDLED)
    outbox.put(draft(), HANDLED)

    assert outbox.count == 2


def test_many_threads_lose_nothing() -> None:
    outbox = Outbox(20 * ENTRY)
    outbox.open(threading.Event().set)
    taken: list[str] = []
    with ThreadPoolExecutor(4) as threads:
        putting = [
            threads.submit(lambda name: [outbox.put(draft(f"{name}{n}"), HANDLED) for n in range(250)], name)
            for name in "abcd"
        ]

        def drained() -> bool:
            drafts = outbox.take(10 * ENTRY)
            outbox.written(drafts, len(taken) + len(drafts))
            taken.extend(one.types[0] for one in drafts)
            outbox.handled(len(taken))
            return all(one.done() for one in putting) and not outbox.count

        until(drained, timeout=20.0)
    assert [one.result() for one in putting]

    for name in "abcd":
        assert [one for one in taken if one[0] == name] == [f"{name}{n}" for n in range(250)]
