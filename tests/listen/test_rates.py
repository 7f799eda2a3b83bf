"""Connections have rates of their own, and share those of their user."""

from __future__ import annotations

import pytest

from eventd.errors import RateLimited
from eventd.listen import rates as module
from eventd.listen.rates import JITTER, LEAST_WAIT, PATIENCE, Allowance, Rates


def enter(rates: Rates, user: str = "a") -> Allowance:
    allowance = rates.enter(user)
    assert allowance is not None
    return allowance


def refused(allowance: Allowance, events: int, size: int, now: float, id: bytes | None = None) -> float:
    with pytest.raises(RateLimited) as raised:
        allowance.ask(events, size, now, id)
    assert raised.value.retry_after is not None
    return raised.value.retry_after


def test_without_rates_nobody_has_an_allowance() -> None:
    assert Rates().enter("a") is None


def test_each_connection_has_its_own_rate() -> None:
    rates = Rates(connection_events=10)
    one, other = enter(rates), enter(rates)
    one.ask(10, 1, 1.0)
    assert 0.1 <= refused(one, 1, 1, 1.0) <= 0.1 * (1 + JITTER) + 0.001
    other.ask(10, 1, 1.0)


@pytest.mark.parametrize("setting", ["connection_events", "connection_bytes", "user_events", "user_bytes"])
def test_who_is_refused_is_told_by_which_setting(setting: str) -> None:
    limits = {"connection_events": 1000, "connection_bytes": 1000, "user_events": 1000, "user_bytes": 1000}
    allowance = enter(Rates(**limits | {setting: 1}))
    allowance.ask(2, 2, 1.0)
    with pytest.raises(RateLimited) as raised:
        allowance.ask(2, 2, 1.0)
    assert raised.value.hint == "[limits] " + {"user_events": "user_rate"}.get(setting, setting)
    assert ("bytes" in raised.value.message) is ("bytes" in setting)


def test_bytes_are_a_rate_of_their_own() -> None:
    allowance = enter(Rates(connection_events=1000, connection_bytes=100))
    allowance.ask(1, 100, 1.0)
    assert 0.5 <= refused(allowance, 1, 50, 1.0) <= 0.5 * (1 + JITTER) + 0.001


def test_what_is_refused_takes_nothing_of_the_other_bucket() -> None:
    allowance = enter(Rates(connection_events=10, connection_bytes=100))
    allowance.ask(1, 100, 1.0)
    wait = refused(allowance, 9, 50, 1.0)
    allowance.ask(9, 50, 1.0 + wait)


def test_connections_of_one_user_share_and_others_do_not_notice() -> None:
    rates = Rates(user_events=10)
    enter(rates, "a").ask(10, 1, 1.0)
    refused(enter(rates, "a"), 1, 1, 1.0)
    enter(rates, "b").ask(10, 1, 1.0)


def test_what_is_sent_behind_something_refused_does_not_overtake_it() -> None:
    allowance = enter(Rates(connection_events=10))
    allowance.ask(8, 1, 1.0)
    wait = refused(allowance, 5, 1, 1.0)
    assert refused(allowance, 1, 1, 1.0) == wait
    assert refused(allowance, 1, 1, 1.0 + wait / 2) < wait
    allowance.ask(5, 1, 1.0 + wait)


def test_who_has_not_heard_of_the_refusal_yet_does_not_overtake_either() -> None:
    allowance = enter(Rates(connection_events=10))
    allowance.ask(8, 1, 1.0, b"1")
    again = 1.0 + refused(allowance, 5, 1, 1.0, b"2")
    assert refused(allowance, 1, 1, again + 0.1, b"3") == LEAST_WAIT
    allowance.ask(5, 1, again + 0.2, b"2")
    allowance.ask(1, 1, again + 0.2, b"3")


def test_what_never_comes_again_is_not_waited_for_for_ever() -> None:
    allowance = enter(Rates(connection_events=10))
    allowance.ask(10, 1, 1.0, b"1")
    again = 1.0 + refused(allowance, 5, 1, 1.0, b"2")
    refused(allowance, 1, 1, again + PATIENCE / 2, b"3")
    allowance.ask(1, 1, again + PATIENCE, b"3")
    allowance.ask(1, 1, again + PATIENCE, b"4")


def test_who_does_not_send_again_what_was_refused_loses_nothing_by_it_but_once() -> None:
    allowance = enter(Rates(connection_events=10))
    now, passed = 1.0, 0
    for number in range(2000):
        now += 0.05
        try:
            allowance.ask(1, 1, now, b"%d" % number)
            passed += 1
        except RateLimited:
            continue
    assert passed >= 10 * (now - 1.0 - PATIENCE - 1.0) * 0.9


def test_nobody_is_asked_to_come_back_at_once() -> None:
    allowance = enter(Rates(connection_events=1000))
    allowance.ask(1000, 1, 1.0)
    assert refused(allowance, 1, 1, 1.0) >= LEAST_WAIT


def test_who_cannot_be_told_no_rests_until_the_debt_is_paid() -> None:
    allowance = enter(Rates(connection_events=10, user_events=5))
    assert allowance.spend(5, 1, 1.0) == 0.0
    assert allowance.spend(5, 1, 1.0) == pytest.approx(1.0)


def test_coming_back_is_no_way_to_a_full_bucket() -> None:
    rates = Rates(user_events=10)
    allowance = enter(rates)
    allowance.ask(10, 1, 1.0)
    rates.leave(allowance, 1.0)
    again = enter(rates)
    assert refused(again, 10, 1, 1.5) >= 0.5


def test_of_users_who_have_gone_full_buckets_are_forgotten_and_others_have_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_GONE", 3)
    rates = Rates(user_events=10)
    for user in "abcde":
        allowance = enter(rates, user)
        allowance.ask(10, 1, 1.0)
        rates.leave(allowance, 1.0)
    assert [*rates._gone] == ["c", "d", "e"]
    rates.leave(enter(rates, "f"), 2.5)
    assert [*rates._gone] == []
    assert rates._here == {}
