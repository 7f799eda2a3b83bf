from __future__ import annotations

import gc
import weakref

from eventd import green
from tests.green.support import on_hub, until


@on_hub
def test_it_calls_once_and_in_order_of_time():
    called: list[int] = []
    for number, seconds in enumerate((0.02, 0.0, 0.01)):
        green.hub().call_later(seconds, lambda number=number: called.append(number))
    until(lambda: len(called) == 3)

    assert called == [1, 2, 0]


@on_hub
def test_a_cancelled_one_is_not_called_and_keeps_nothing_alive():
    class Thing:
        def call(self) -> None:
            raise AssertionError("cancelled")

    thing = Thing()
    gone = weakref.ref(thing)
    timer = green.hub().call_later(0.005, thing.call)
    timer.cancel()
    timer.cancel()
    del thing
    gc.collect()

    assert gone() is None
    green.sleep(0.01)


@on_hub
def test_cancelled_ones_do_not_pile_up():
    hub = green.hub()
    for _ in range(5000):
        hub.call_later(600, print).cancel()
    green.sleep(0)

    assert len(hub.timers) + len(hub.next_timers) < 1500


@on_hub
def test_cancelling_after_the_call_is_harmless():
    called: list[int] = []
    timer = green.hub().call_later(0, lambda: called.append(1))
    until(lambda: called)
    before = green.hub().timers_canceled
    timer.cancel()

    assert green.hub().timers_canceled == before
