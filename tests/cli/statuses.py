"""Statuses of a daemon at work, one after the other."""

from __future__ import annotations

from typing import Any

__all__ = ["status"]


def status(second: float, handlers: int = 2, **changes: Any) -> dict[str, Any]:
    """What it tells after so many seconds: it receives 100 events a second, and settles 10 times the handler's number.

    Handler 0 is caught up; the backlog of the odd ones grows by 5 a second, that of the others shrinks.
    """
    return {
        "version": "0.1.0", "node": "n1", "uptime": 1000.0 + second, "ready": True, "reasons": [],
        "listeners": [
            {"name": name, "connections": n, "received": int(50 * second)} for n, name in enumerate(("http", "forward"))
        ],
        "journal": {"bytes": int(5_000_000 + 2048 * second), "dead": 7},
        "events": {
            "received": int(100 * second), "accepted": int(90 * second), "rejected": {"malformed": int(6 * second),
            "too_large": int(4 * second)}, "emitted": {"handler:n1": int(3 * second)},
        },
        "consumers": [consumer(n, second) for n in range(handlers)],
        "hub": {"lag": 0.0012, "stalls": {"consumer handler:n1": 2, "timer": 1}}, "imbalances": [],
        "subscriptions": {"count": {"live": 2, "durable": 1}, "dropped": {}}, **changes,
    }  # fmt: skip


def consumer(number: int, second: float) -> dict[str, Any]:
    pending = 0 if number == 0 else int(1000 + 5 * second if number % 2 else 1000 - 5 * second)
    return {
        "name": f"handler:n{number}", "kind": "handler", "state": "running", "pending": pending,
        "settled": int(10 * number * second), "dead": 4, "retries": 3,
    }  # fmt: skip
