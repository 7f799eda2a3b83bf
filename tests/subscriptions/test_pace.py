"""Who catches up leaves the hub to everybody else."""

from __future__ import annotations

from eventd import green
from eventd.subscriptions.pace import SECONDS_A_PASS, Pace
from tests.subscriptions.world import on_hub


@on_hub
def test_who_catches_up_waits_for_the_next_pass_when_this_one_has_no_time_left() -> None:
    hub = green.hub()
    pace = Pace(lambda: hub.passes)
    pace.took(SECONDS_A_PASS / 2)
    before = hub.passes
    pace.wait()
    assert hub.passes == before
    pace.took(SECONDS_A_PASS)
    pace.wait()
    assert hub.passes > before


def test_what_was_taken_in_another_pass_does_not_count() -> None:
    passes = [1]
    pace = Pace(lambda: passes[0])
    for passes[0] in range(2, 10):
        pace.took(SECONDS_A_PASS * 0.9)
        pace.wait()
