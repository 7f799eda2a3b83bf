"""Pauses grow, jitter, and end."""

from __future__ import annotations

import pytest

from eventd.dispatch.retry import Poisoned, Policy
from eventd.plugin.contract import Reject, Retry

POLICY = Policy(attempts=3, first=1.0, most=60.0)
FAULT = ValueError("no")


def test_pauses_double_up_to_the_longest() -> None:
    forever = Policy(0, 1.0, 60.0)

    for attempt, longest in ((1, 1), (2, 2), (3, 4), (7, 60), (1_000_000, 60)):
        pause = forever.pause(attempt, FAULT)
        assert pause is not None
        assert longest / 2 <= pause <= longest


def test_pauses_differ() -> None:
    assert len({POLICY.pause(2, FAULT) for _ in range(20)}) > 10


def test_it_gives_up_after_the_last_attempt() -> None:
    assert POLICY.pause(2, FAULT) is not None
    assert POLICY.pause(3, FAULT) is None


def test_a_reject_gives_up_at_once() -> None:
    assert POLICY.pause(1, Reject("why")) is None


@pytest.mark.parametrize(("after", "pause"), [(7.0, 7.0), (0.0, 0.0), (-1.0, 0.0)])
def test_a_retry_says_when(after: float, pause: float) -> None:
    assert POLICY.pause(1, Retry(after)) == pause


def test_a_retry_counts_as_an_attempt() -> None:
    assert POLICY.pause(3, Retry(7.0)) is None


def test_a_retry_without_a_time_backs_off() -> None:
    pause = POLICY.pause(1, Retry())
    assert pause is not None
    assert 0.5 <= pause <= 1.0


def test_deaths_are_counted_apart_from_attempts() -> None:
    policy = Policy(0, 1.0, 60.0, deaths=2)

    assert not policy.poisoned(1)
    assert policy.poisoned(2)
    assert not Policy(0, 1.0, 60.0, deaths=0).poisoned(1000)
    assert policy.pause(1, Poisoned.after(2, OSError("killed by SIGSEGV"))) is None
    assert "died 2 times" in str(Poisoned.after(2, OSError("killed by SIGSEGV")))
    assert "killed by SIGSEGV" in str(Poisoned.after(2, OSError("killed by SIGSEGV")))
