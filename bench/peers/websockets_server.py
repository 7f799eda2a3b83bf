"""A bare server on ``websockets``: decodes the JSON and replies. Nothing is kept.

Run as ``python -m bench.peers.websockets_server PORT json|msgspec``: what decodes.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

_REPLY = '{{"op":"ack","id":"{}"}}'

_decode: Callable[[str | bytes], Any] = msgspec.json.decode if sys.argv[2:] == ["msgspec"] else json.loads


async def _handle(connection: ServerConnection) -> None:
    try:
        async for message in connection:
            await connection.send(_REPLY.format(_decode(message)["id"]))
    except ConnectionClosed:
        pass


async def _serve(port: int) -> None:
    async with serve(_handle, "127.0.0.1", port, subprotocols=[Subprotocol("eventd.v1.json")]) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
