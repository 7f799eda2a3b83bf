"""Times as text."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from eventd.formats.syntax import is_time
from eventd.formats.times import now, rfc3339


def test_whole_seconds_have_no_fraction_and_others_have_nine_digits():
    assert rfc3339(0) == "1970-01-01T00:00:00Z"
    assert rfc3339(1_000_000_001) == "1970-01-01T00:00:01.000000001Z"
    assert rfc3339(-1) == "1969-12-31T23:59:59.999999999Z"


def test_times_outside_the_calendar_become_its_ends():
    assert rfc3339(10**30) == "9999-12-31T23:59:59Z"
    assert rfc3339(-(10**30)) == "0001-01-01T00:00:00Z"


@given(st.integers(-(10**21), 10**21))
def test_every_time_is_rfc_3339(nanoseconds: int):
    assert is_time(rfc3339(nanoseconds))


@given(st.datetimes(timezones=st.just(dt.UTC)))
def test_it_is_the_time_that_was_meant(moment: dt.datetime):
    since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    nanoseconds = (since.days * 86400 + since.seconds) * 10**9 + since.microseconds * 1000
    assert dt.datetime.fromisoformat(rfc3339(nanoseconds)) == moment


def test_now_is_now():
    assert abs(dt.datetime.fromisoformat(now()) - dt.datetime.now(dt.UTC)) < dt.timedelta(seconds=5)
