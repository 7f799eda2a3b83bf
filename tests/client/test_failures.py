"""What programs can catch."""

from __future__ import annotations

import pytest

import eventd.client
from eventd.client.failures import ClientFailure, Disconnected, Gap, Nacked, Refused, ServerFault, TimedOut, Wrong


def test_all_that_a_program_gets_is_a_client_failure():
    found = {name: getattr(eventd.client, name) for name in eventd.client.__all__}
    failures = {name for name, value in found.items() if isinstance(value, type) and issubclass(value, BaseException)}

    assert failures == {
        "ClientFailure", "Nacked", "Disconnected", "BufferFull", "TimedOut", "Closed", "Refused", "Gap",
    }  # fmt: skip
    assert all(issubclass(found[name], ClientFailure) for name in failures)
    assert not issubclass(ServerFault, ClientFailure)


def test_no_connection_is_a_kind_of_no_answer():
    assert issubclass(Disconnected, TimedOut)


def test_a_nack_tells_each_event_that_is_wrong():
    nacked = Nacked([Wrong(0, "data.celsius", "is missing"), Wrong(3, "", "too old")])

    assert str(nacked) == "data.celsius: is missing; too old"
    assert [error.index for error in nacked.errors] == [0, 3]
    assert str(Nacked([])) == "refused without a reason"


def test_a_refusal_has_a_code_and_a_message():
    assert str(Refused("invalid_subscription", "no pattern")) == "invalid_subscription: no pattern"
    assert str(Refused("internal", "")) == "internal"


@pytest.mark.parametrize(
    ("start", "end", "told"), [(3, 7, "from 3 to 7"), (None, 7, "from ? to 7"), (None, None, "from ? to ?")]
)
def test_a_gap_tells_what_is_known(start, end, told):
    assert told in str(Gap(start, end, "one"))
