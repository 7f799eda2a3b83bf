from __future__ import annotations

import gc
import weakref

import pytest

from eventd import green
from tests.green.support import on_hub, until


@on_hub
def test_the_owner_keeps_its_threads_and_waits_for_them():
    group = green.Group("test")
    done: list[str] = []

    def work(name: str) -> None:
        green.sleep(0.005)
        done.append(f"{name} in {green.current_name()}")

    threads = [group.spawn(f"t{number}", work, f"w{number}") for number in range(3)]
    assert len(group) == 3
    assert {thread.name for thread in group} == {"t0", "t1", "t2"}
    assert group.stop(5) is True
    assert sorted(done) == ["w0 in t0", "w1 in t1", "w2 in t2"]
    assert len(group) == 0
    assert all(thread.dead for thread in threads)


@on_hub
@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_the_owner_hears_a_death_and_nobody_else_does(error):
    group = green.Group("test")
    heard: list[tuple[str, str]] = []
    group.on_death = lambda thread, death: heard.append((thread.name, type(death).__name__))

    def dies() -> None:
        green.sleep(0)
        raise error("no")

    group.spawn("doomed", dies)
    assert group.stop(5)
    assert heard == [("doomed", error.__name__)]


@on_hub
def test_a_death_that_nobody_asked_about_is_logged_with_its_traceback(caplog):
    group = green.Group("the group")
    group.spawn("doomed", lambda: 1 / 0)
    group.stop(1)

    assert "the group: green thread doomed died" in caplog.text
    assert "ZeroDivisionError" in caplog.text


@on_hub
def test_an_owner_that_fails_to_hear_does_no_harm(caplog):
    group = green.Group("test")
    group.on_death = lambda thread, death: 1 / 0
    group.spawn("doomed", exit)
    assert group.stop(1)
    assert "on_death failed for doomed" in caplog.text


@on_hub
def test_one_that_does_not_end_is_killed_and_named(caplog):
    group = green.Group("test")
    finished: list[str] = []

    def stubborn() -> None:
        try:
            green.sleep(60)
        finally:
            green.sleep(0.005)
            finished.append("finally")

    group.spawn("stubborn", stubborn)
    assert group.stop(0.02) is False
    assert finished == ["finally"]
    assert len(group) == 0
    assert "stubborn did not end within" in caplog.text


@on_hub
def test_one_that_was_killed_before_it_began_never_runs():
    group = green.Group("test")
    ran: list[int] = []
    thread = group.spawn("unborn", ran.append, 1)
    thread.kill()
    thread.kill()
    green.sleep(0)
    green.sleep(0)

    assert ran == []
    assert len(group) == 0


@on_hub
def test_killing_is_quiet_and_may_come_late_or_twice(caplog):
    group = green.Group("test")
    thread = group.spawn("t", green.sleep, 60)
    green.sleep(0)
    thread.kill()
    thread.kill()
    until(lambda: thread.dead)
    thread.kill()
    green.sleep(0)

    assert caplog.text == ""


@on_hub
def test_a_thread_may_stop_its_own_group():
    group = green.Group("test")
    outcome: list[bool] = []
    group.spawn("other", green.sleep, 0.005)
    group.spawn("stopper", lambda: outcome.append(group.stop(5)))
    until(lambda: outcome == [True])
    assert group.stop(1)


@on_hub
def test_a_thread_may_end_itself():
    group = green.Group("test")
    after: list[int] = []

    def suicide() -> None:
        group_thread.kill()
        after.append(1)

    group_thread = group.spawn("me", suicide)
    assert group.stop(1)
    assert after == []


@on_hub
def test_an_ended_thread_keeps_nothing_alive():
    class Thing:
        pass

    group, thing = green.Group("test"), Thing()
    gone = weakref.ref(thing)
    kept = group.spawn("t", lambda held: green.sleep(0), thing)
    del thing
    group.stop(1)
    gc.collect()

    assert kept.dead
    assert gone() is None


@on_hub
def test_many_wait_cheaply():
    group, signal = green.Group("test"), green.Signal()
    before = resident()
    for _ in range(1000):
        group.spawn("idle", signal.wait)
    green.sleep(0)
    green.sleep(0)
    grown = resident() - before
    signal.set()

    assert group.stop(5)
    # 6.5 KiB are the aim; the room above is for what else the process does meanwhile.
    assert grown / 1000 < 9.0


def resident() -> float:
    """KiB of memory that the process really holds."""
    gc.collect()
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4.0


def test_run_gives_what_main_returns_and_raises_what_it_raises():
    assert green.run(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        green.run(lambda: 1 / 0)
    with pytest.raises(SystemExit) as ended:
        green.run(lambda: exit(78))
    assert ended.value.code == 78


def test_names_outside_of_green_threads(caplog):
    assert green.current_name() == "main"
    names: list[str] = []

    def main() -> None:
        green.hub().call_soon(lambda: names.append(green.current_name()))
        green.sleep(0)

    green.run(main)
    assert names == ["hub"]


def test_what_main_leaves_running_goes_on_with_the_next_run():
    group, done = green.Group("test"), []

    def later() -> None:
        green.sleep(0.005)
        done.append(1)

    green.run(lambda: group.spawn("later", later))
    green.run(lambda: group.stop(5))

    assert done == [1]


@on_hub
def test_in_a_hurry_a_stop_waits_no_longer():
    group, other = green.Group("test"), green.Group("other")
    group.spawn("never", green.Signal().wait)
    stopped: list[bool] = []
    other.spawn("stopper", lambda: stopped.append(group.stop(1000)))
    green.sleep(0)
    assert stopped == []
    green.hurry(0.01)
    assert other.stop(5)
    assert stopped == [False]
    green.hurry(0.0)
