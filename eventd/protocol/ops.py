"""What may be said in the native protocol, by whom, and when: the tables of docs/protocol.md.

Both sides go by them: the server's sessions and eventd's own clients. Nothing here reads
or writes a message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["CONNECTION", "OPS", "PUBLISH", "SUBSCRIPTION", "Op", "OutOfTurn", "State", "Transitions", "step"]


class Op(NamedTuple):
    """One operation: who says it, and with which fields."""

    sender: str
    fields: tuple[str, ...]


OPS: dict[str, Op] = {
    "publish": Op("client", ("id", "events")),
    "ack": Op("server", ("id", "offsets", "durability")),
    "nack": Op("server", ("id", "errors", "retry_after")),
    "subscribe": Op("client", ("id", "types", "filters", "from", "epoch", "credit", "name")),
    "subscribed": Op("server", ("id", "sid", "epoch", "offset", "end", "recovered")),
    "events": Op("server", ("sid", "events", "offset")),
    "credit": Op("client", ("sid", "n")),
    "settle": Op("client", ("sid", "offsets", "outcome", "after")),
    "unsubscribe": Op("client", ("id", "sid")),
    "unsubscribed": Op("server", ("id", "sid")),
    "presence": Op("client", ("id", "types")),
    "present": Op("server", ("id", "subscriptions")),
    "error": Op("server", ("id", "sid", "code", "message")),
    "bye": Op("server", ("reason", "retry_after")),
}

#: A state of a connection, a publish or a subscription.
State = str
#: By state, the state behind each op that may be said in it.
Transitions = Mapping[State, Mapping[str, State]]

#: Of a connection, what the server says without an ``id`` or ``sid``, and what ends it.
CONNECTION: Transitions = {
    "open": {name: "leaving" if name in ("bye", "error") else "open" for name in OPS},
    "leaving": {"ack": "leaving", "nack": "leaving", "events": "leaving"},
}

PUBLISH: Transitions = {
    "new": {"publish": "asked"},
    "asked": {"ack": "ended", "nack": "ended"},
}

SUBSCRIPTION: Transitions = {
    "new": {"subscribe": "asked"},
    "asked": {"subscribed": "live", "error": "ended"},
    "live": {
        "events": "live",
        "subscribed": "live",
        "error": "ended",
        "credit": "live",
        "settle": "live",
        "unsubscribe": "leaving",
    },
    "leaving": {"events": "leaving", "subscribed": "leaving", "error": "leaving", "unsubscribed": "ended"},
}


class OutOfTurn(Exception):
    """An op that may not be said in this state."""


def step(table: Transitions, state: State, op: str) -> State:
    """The state behind ``op``.

    :raises OutOfTurn: when it may not be said in this state.
    """
    try:
        return table[state][op]
    except KeyError:
        raise OutOfTurn(f"{op!r} in state {state!r}") from None
