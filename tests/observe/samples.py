"""A status as a daemon at work has it."""

from __future__ import annotations

from eventd.observe.status import (
    Consumer,
    Events,
    FailedPlugin,
    HubStatus,
    JournalStatus,
    ListenerStatus,
    Queue,
    Source,
    Status,
    SubscriptionStatus,
    VolatileStatus,
)

STATUS = Status(
    version="1.0",
    node="n1",
    uptime=12.5,
    ready=True,
    reasons=[],
    listeners=[ListenerStatus("http", "http", "127.0.0.1:8080", 3, 12)],
    journal=JournalStatus(
        1, 14, 4096, 1, 0, None, 5, {"handler:jsonl": 6}, {"handler:jsonl": 8}, {"handler:jsonl": 4}
    ),
    events=Events(
        20, 10, 2, {"too_large": 2}, {"malformed": 1}, 1, {"http": 12, "sources": 8}, {"handler:jsonl": 3}, 5
    ),
    consumers=[
        Consumer(
            "handler:jsonl", "handler", 9, 2, 7, 1, 3, "running", 3, 1, 1, VolatileStatus(10, 4, 3, 2, 1), paused=True
        )
    ],
    sources=[Source("source:clock", 5, 0, "running")],
    plugins_failed=[FailedPlugin("handler:broken", "it has no handle")],
    hub=HubStatus(0.001, {"consumer handler:jsonl": 2}),
    subscriptions=SubscriptionStatus({"live": 4, "durable": 2}, {"lagging": 9}),
    queues=[Queue("ingest", 512, 1024)],
)
