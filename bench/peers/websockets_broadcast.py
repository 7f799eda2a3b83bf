"""A bare server on ``websockets`` that broadcasts each message of a publisher. Nothing is kept.

Run as ``python -m bench.peers.websockets_broadcast PORT``. A connection that says
``subscribe`` is one of those that get what the others publish.
"""

from __future__ import annotations

import asyncio
import sys

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

_subscribers: set[ServerConnection] = set()


async def _handle(connection: ServerConnection) -> None:
    try:
        async for message in connection:
            if message == "subscribe":
                _subscribers.add(connection)
                await connection.send("subscribed")
            else:
                broadcast(_subscribers, message)
    except ConnectionClosed:
        pass
    finally:
        _subscribers.discard(connection)


async def _serve(port: int) -> None:
    protocols = [Subprotocol("eventd.v1.json")]
    async with serve(_handle, "127.0.0.1", port, subprotocols=protocols, compression=None) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
