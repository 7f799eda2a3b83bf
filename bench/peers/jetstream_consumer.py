"""A JetStream pull consumer by nats-py: fetches batches, reads one field, acknowledges.

Run as ``python -m bench.peers.jetstream_consumer PORT METER EVENTS explicit|all``.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import nats
from nats.js.api import AckPolicy, ConsumerConfig, StorageType, StreamConfig
from nats.js.client import JetStreamContext

from bench.meter import Meter
from bench.payload import CHUNK, TAG

#: More than the publishers have in flight: the server never waits for acknowledgements.
MAX_PENDING = 100_000


async def _subscribe(stream: JetStreamContext, policy: AckPolicy) -> JetStreamContext.PullSubscription:
    await stream.add_stream(StreamConfig(name="BENCH", subjects=[TAG], storage=StorageType.FILE))
    config = ConsumerConfig(durable_name="bench", ack_policy=policy, max_ack_pending=MAX_PENDING)
    return await stream.pull_subscribe(TAG, durable="bench", stream="BENCH", config=config)


async def _consume(port: int, meter: Meter, events: int, policy: AckPolicy) -> None:
    connection = await nats.connect(f"nats://127.0.0.1:{port}")
    subscription = await _subscribe(connection.jetstream(), policy)
    meter.ready()
    seen, decode = 0, msgspec.msgpack.decode
    while seen < events:
        messages = await subscription.fetch(CHUNK, timeout=30)
        total = 0
        for message in messages:
            total += decode(message.data)["n"]
            if policy is AckPolicy.EXPLICIT:
                await message.ack()
        if policy is AckPolicy.ALL:
            await messages[-1].ack()
        seen += len(messages)
        if seen >= events:
            await connection.flush()
        meter.add(len(messages), total)
    await connection.close()


if __name__ == "__main__":
    port, path, events, policy = sys.argv[1:]
    asyncio.run(_consume(int(port), Meter(Path(path)), int(events), AckPolicy(policy)))
