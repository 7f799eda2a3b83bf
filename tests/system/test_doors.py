"""Every recorded webhook goes in by each door and comes out of the archive equal as JSON, byte for byte.

The clients are those that users have: none of them is ours.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudevents.core.bindings.http as binding
import msgpack
import pytest
import websockets
import websockets.sync.client
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from fluent import sender  # type: ignore[import-untyped]  # ships no types

from tests.support.archive import wait_archived
from tests.support.daemon import DaemonProcess

Send = Callable[[DaemonProcess, str, list[Any]], None]


def event(type_: str, number: int, payload: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"{type_}-{number}",
        "source": "/test",
        "type": type_,
        "datacontenttype": "application/json",
        "data": payload,
    }


def post(daemon: DaemonProcess, requests: list[tuple[dict[str, str], bytes]]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port("http"), timeout=10)
    for headers, body in requests:
        connection.request("POST", "/events", body, headers)
        response = connection.getresponse()
        assert (response.status, response.read()) == (204, b"")
    connection.close()


def sdk_events(type_: str, payloads: list[Any]) -> list[CloudEvent]:
    return [
        CloudEvent({key: value for key, value in event(type_, n, None).items() if key != "data"}, payload)
        for n, payload in enumerate(payloads)
    ]


def http_structured(daemon: DaemonProcess, type_: str, payloads: list[Any]) -> None:
    messages = [binding.to_structured(each, JSONFormat()) for each in sdk_events(type_, payloads)]
    post(daemon, [(message.headers, message.body) for message in messages])


def http_binary(daemon: DaemonProcess, type_: str, payloads: list[Any]) -> None:
    messages = [binding.to_binary(each, JSONFormat()) for each in sdk_events(type_, payloads)]
    post(daemon, [(message.headers, message.body) for message in messages])


def http_batch(daemon: DaemonProcess, type_: str, payloads: list[Any]) -> None:
    batch = b"[" + b",".join(JSONFormat().write(each) for each in sdk_events(type_, payloads)) + b"]"
    post(daemon, [({"Content-Type": "application/cloudevents-batch+json"}, batch)])


def curl(daemon: DaemonProcess, type_: str, payloads: list[Any]) -> None:
    address = f"http://127.0.0.1:{daemon.port('http')}/events"
    headers = ["-H", "content-type: application/cloudevents+json"]
    for number, payload in enumerate(payloads):
        subprocess.run(
            ["curl", "--silent", "--show-error", "--fail", *headers, "--data-binary", "@-", address],
            input=json.dumps(event(type_, number, payload)).encode(), check=True,
        )


def websocket_plain(daemon: DaemonProcess, type_: str, payloads: list[Any]) -> None:
    with websockets.sync.client.connect(f"ws://127.0.0.1:{daemon.port('http')}/anything") as socket:
        for number, payload in enumerate(payloads):
            socket.send(json.dumps(event(type_, number, payload)))


def websocket_cloudevents(daemon: DaemonProcess, type_: str, payloads: list[Any]) -> None:
    async def send() -> None:
        address = f"ws://127.0.0.1:{daemon.port('http')}/"
        async with websockets.connect(address, subprotocols=[websockets.Subprotocol("cloudevents.json")]) as socket:
            assert socket.subprotocol == "cloudevents.json"
            for number, payload in enumerate(payloads):
                await socket.send(json.dumps(event(type_, number, payload)))

    asyncio.run(send())


def native(subprotocol: str, dumps: Callable[[Any], Any], loads: Callable[[Any], Any]) -> Send:
    def send(daemon: DaemonProcess, type_: str, payloads: list[Any]) -> None:
        address = f"ws://127.0.0.1:{daemon.port('http')}/"
        with websockets.sync.client.connect(address, subprotocols=[websockets.Subprotocol(subprotocol)]) as socket:
            for number, payload in enumerate(payloads):
                socket.send(dumps({"op": "publish", "id": number, "events": [event(type_, number, payload)]}))
            for number in range(len(payloads)):
                answer = loads(socket.recv(timeout=10))
                assert (answer["op"], answer["id"], answer["durability"]) == ("ack", number, "disk")

    return send


def fluent_python(daemon: DaemonProcess, type_: str, payloads: list[Any]) -> None:
    logger = sender.FluentSender(type_, host="127.0.0.1", port=daemon.port("forward"), nanosecond_precision=True)
    for payload in payloads:
        assert logger.emit(None, payload), logger.last_error
    logger.close()


DOORS: dict[str, Send] = {
    "http-structured": http_structured,
    "http-binary": http_binary,
    "http-batch": http_batch,
    "curl": curl,
    "websocket-plain": websocket_plain,
    "websocket-cloudevents": websocket_cloudevents,
    "websocket-native-json": native("eventd.v1.json", json.dumps, json.loads),
    "websocket-native-msgpack": native("eventd.v1.msgpack", msgpack.packb, msgpack.unpackb),
    "forward-fluent-logger": fluent_python,
}


@pytest.mark.parametrize("door", DOORS)
def test_every_webhook_survives_the_door(
    door: str, daemon: DaemonProcess, github_webhooks: list[dict[str, Any]]
) -> None:
    payloads = [webhook["payload"] for webhook in github_webhooks]
    type_ = f"test.{door.replace('-', '.')}"
    DOORS[door](daemon, type_, payloads)

    found = wait_archived(daemon.directory / "archive", type_, len(payloads))
    assert [json.dumps(each["data"]) for each in found] == [json.dumps(payload) for payload in payloads]


@pytest.mark.parametrize("client", ["fluent-logger", "@fluent-org/logger"])
def test_every_webhook_survives_the_loggers_of_node(
    client: str, daemon: DaemonProcess, node_modules: Path, github_webhooks: list[dict[str, Any]]
) -> None:
    payloads = [webhook["payload"] for webhook in github_webhooks]
    type_ = f"test.node.{client.strip('@').replace('/', '.').replace('-', '')}"
    script = Path(__file__).parent / "node" / ("fluent-logger.js" if client == "fluent-logger" else "fluent-org.js")
    subprocess.run(
        ["node", str(script), str(daemon.port("forward")), type_],
        input="\n".join(map(json.dumps, payloads)).encode(), check=True, timeout=60,
        env={"NODE_PATH": str(node_modules), "PATH": "/usr/local/bin:/usr/bin:/bin"},
    )
    found = wait_archived(daemon.directory / "archive", type_, len(payloads))
    assert [json.dumps(as_sent(each["data"])) for each in found] == [json.dumps(payload) for payload in payloads]


def as_sent(data: Any) -> Any:
    """Undo what msgpack-lite, which fluent-logger uses, does to whole numbers above 32 bits: they come as doubles."""
    if isinstance(data, dict):
        return {key: as_sent(value) for key, value in data.items()}
    if isinstance(data, list):
        return [as_sent(value) for value in data]
    return int(data) if isinstance(data, float) and data.is_integer() and data > 2**32 else data
