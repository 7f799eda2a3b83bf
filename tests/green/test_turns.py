"""When those go on that stand back."""

from __future__ import annotations

from eventd import green
from eventd.green.turns import ABOUT, LONGEST_REST, NAP, SHORT_TURN, TURN, Turns
from eventd.green.waiting import stand_back
from tests.dispatch.world import on_hub


def standing(*names: str) -> Turns:
    made = Turns()
    for name in names:
        made.put(lambda name=name: name)  # type: ignore[misc]  # bound now
    return made


def next_of(made: Turns, now: float, ready: int) -> object:
    fn = made.take(now, ready)
    if fn is None:
        return None
    made.over(now)
    return fn()


def test_they_go_on_in_order_when_nobody_else_is_ready() -> None:
    made = standing("a", "b")
    made.over(1.0)
    assert [next_of(made, 1.0, ready) for ready in (1, 0, 3, 0)] == [None, "a", None, "b"]


def test_nobody_stands_back_for_ever() -> None:
    made = standing("a", "b", "c")
    made.over(1.0)
    assert next_of(made, 1.0 + LONGEST_REST / 3.1, 9) is None
    assert next_of(made, 1.0 + LONGEST_REST / 2.9, 9) == "a"
    assert next_of(made, 1.0 + LONGEST_REST * 2, 9) == "b"


def test_while_others_are_about_turns_are_short_and_answers_are_awaited() -> None:
    made = standing("a")
    made.awaited = lambda: True
    made.over(1.0)
    made.met = 1.0 - ABOUT
    assert (made.length(1.001), made.patience(1.001)) == (TURN, 0.0)
    made.met = 1.0
    assert (made.length(1.001), made.patience(1.001)) == (SHORT_TURN, NAP)
    assert next_of(made, 1.001, 0) is None
    made.awaited = lambda: False
    assert made.patience(1.001) == 0.0
    assert next_of(made, 1.001, 0) == "a"


@on_hub
def test_one_that_is_killed_meanwhile_is_no_obstacle() -> None:
    group, went = green.Group("test"), list[str]()

    def heavy(name: str) -> None:
        stand_back()
        went.append(name)

    first, _ = [group.spawn(name, heavy, name) for name in ("a", "b")]
    green.sleep(0)
    first.kill()
    assert group.stop(5.0)
    assert went == ["b"]
    assert not green.hub().turns.queue
