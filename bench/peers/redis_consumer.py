"""A consumer group member by redis-py: reads batches, reads one field, acknowledges.

Run as ``python -m bench.peers.redis_consumer PORT METER EVENTS python|hiredis``: which
of redis-py's two parsers reads the answers, its own or the C one that is installed apart.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import msgspec

from bench.meter import Meter
from bench.payload import CHUNK, TAG

GROUP = "bench"


def _entries(answer: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """The entries of the one stream read: a list of pairs in RESP2, a mapping in RESP3."""
    if isinstance(answer, dict):
        return next(iter(answer.values()))[0]  # type: ignore[no-any-return]  # redis-py types no answers
    return answer[0][1]  # type: ignore[no-any-return]  # the same


def _consume(port: int, meter: Meter, events: int) -> None:
    import redis  # only now: redis-py chooses its parser when it is imported

    client = redis.Redis(port=port)
    client.xgroup_create(TAG, GROUP, mkstream=True)
    meter.ready()
    seen, decode = 0, msgspec.msgpack.decode
    while seen < events:
        answer: Any = client.xreadgroup(GROUP, "one", {TAG: ">"}, count=CHUNK, block=1000)
        if not answer:
            continue
        entries = _entries(answer)
        total = 0
        for _, fields in entries:
            total += decode(fields[b"d"])["n"]
        client.xack(TAG, GROUP, *[key for key, _ in entries])
        seen += len(entries)
        meter.add(len(entries), total)


if __name__ == "__main__":
    port, path, events, parser = sys.argv[1:]
    if parser == "python":
        sys.modules["hiredis"] = None  # type: ignore[assignment]  # documented: makes its import fail
    else:
        importlib.import_module("hiredis")
    _consume(int(port), Meter(Path(path)), int(events))
