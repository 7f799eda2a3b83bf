"""A bare server on ``aiohttp``: decodes the JSON and replies. Nothing is kept.

Run as ``python -m bench.peers.aiohttp_server PORT json|msgspec``: what decodes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

_REPLY = '{{"op":"ack","id":"{}"}}'

_decode: Callable[[str | bytes], Any] = msgspec.json.decode if sys.argv[2:] == ["msgspec"] else json.loads


async def _handle(request: web.Request) -> web.WebSocketResponse:
    response = web.WebSocketResponse(protocols=["eventd.v1.json"])
    await response.prepare(request)
    async for message in response:
        if message.type is WSMsgType.TEXT:
            await response.send_str(_REPLY.format(_decode(message.data)["id"]))
    return response


if __name__ == "__main__":
    application = web.Application()
    application.router.add_get("/events", _handle)
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
