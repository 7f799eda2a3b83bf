"""Clients of the daemon: publish, and subscribe without missing anything.

    sync, subscription, wire, channel, teller   ``Client``, with a thread of its own
    aio, aio_subscription, aio_wire, news       ``AsyncClient``
    session, backoff, ends                      both: connections, one after the other, without I/O
    conversation, questions, promise            what is said and heard on them
    outbox, packing                             what is published, until it is answered
    following, tracking, settling, arrivals     subscriptions: where each is, and what came
    link, messages                              bytes of the native protocol
    script                                      the client for browsers

Needs neither a daemon nor eventlet in its process. Names are loaded when they are used:
who wants no asyncio does not wait for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eventd.client.aio import AsyncClient, AsyncPending
    from eventd.client.aio_subscription import AsyncSubscription
    from eventd.client.failures import (
        BufferFull,
        ClientFailure,
        Closed,
        Disconnected,
        Gap,
        Nacked,
        Refused,
        TimedOut,
    )
    from eventd.client.messages import Present
    from eventd.client.outbox import Ack
    from eventd.client.subscription import Subscription
    from eventd.client.sync import Client, Pending

__all__ = [
    "Ack",
    "AsyncClient",
    "AsyncPending",
    "AsyncSubscription",
    "BufferFull",
    "Client",
    "ClientFailure",
    "Closed",
    "Disconnected",
    "Gap",
    "Nacked",
    "Pending",
    "Present",
    "Refused",
    "Subscription",
    "TimedOut",
]

_HOMES = {
    "aio": ("AsyncClient", "AsyncPending"),
    "aio_subscription": ("AsyncSubscription",),
    "failures": (
        "BufferFull", "ClientFailure", "Closed", "Disconnected", "Gap", "Nacked", "Refused", "TimedOut",
    ),
    "messages": ("Present",),
    "outbox": ("Ack",),
    "subscription": ("Subscription",),
    "sync": ("Client", "Pending"),
}  # fmt: skip

_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
