"""``eventd send``: one event, from the command line to the daemon."""

from __future__ import annotations

import base64
import datetime as dt
import socket
import sys
import uuid
from pathlib import Path
from typing import Any

import click
import msgspec

from eventd.cli.connection import DaemonConnection
from eventd.cli.options import Settings, configured

__all__ = ["command"]

_BATCH = "application/cloudevents-batch+json"


@click.command("send")
@configured
@click.argument("type")
@click.option("--data", metavar="JSON|-|@FILE", help="The payload: JSON, or - for stdin, or @ and the name of a file.")
@click.option("--subject", help="What of the source the event is about.")
@click.option("--source", help="Where it happened, a URI-reference; this host by default.")
@click.option("--id", help="Its id; a new one by default.")
@click.option("--time", help="When it happened, RFC 3339; now by default.")
@click.option("--datacontenttype", metavar="MEDIA-TYPE", help="What the payload is, where it is not JSON.")
@click.option("--dataschema", metavar="URI", help="The schema of the payload.")
@click.option("--extension", "extensions", metavar="NAME=VALUE", multiple=True, help="An extension attribute.")
def command(
    settings: Settings, type: str, data: str | None, extensions: tuple[str, ...], **attributes: str | None
) -> None:
    """Send one event to the daemon: what TYPE it is, and more if you like.

    Prints the event's id once the event is durable.

    \b
    Examples:
      eventd send com.example.reading --data '{"celsius": 21.5}' --subject kitchen
      sensors -j | eventd send com.example.sensors --data -
      eventd send com.example.photo --data @photo.jpg --datacontenttype image/jpeg
    """
    event = _event(type, attributes, extensions)
    if data is not None:
        event |= _payload(_bytes(data), attributes["datacontenttype"])
    run_dir = settings.load().eventd.run_dir
    DaemonConnection(run_dir).post("/events", msgspec.json.encode([event]), _BATCH)
    click.echo(event["id"])


def _event(type: str, attributes: dict[str, str | None], extensions: tuple[str, ...]) -> dict[str, Any]:
    event: dict[str, Any] = {
        "specversion": "1.0",
        "type": type,
        "id": str(uuid.uuid4()),
        "source": f"eventd://{socket.gethostname()}/send",
        "time": dt.datetime.now(dt.UTC).isoformat().replace("+00:00", "Z"),
    }
    event |= {name: value for name, value in attributes.items() if value is not None}
    for extension in extensions:
        name, equals, value = extension.partition("=")
        if not name or not equals or name in event or name in ("data", "data_base64"):
            raise click.BadParameter(f"{extension!r} is not NAME=VALUE of an extension", param_hint="--extension")
        event[name] = value
    return event


def _bytes(data: str) -> bytes:
    try:
        if data == "-":
            return sys.stdin.buffer.read()
        if data.startswith("@"):
            return Path(data[1:]).read_bytes()
    except OSError as error:
        raise click.BadParameter(f"{data[1:] or 'stdin'}: {error.strerror}", param_hint="--data") from error
    return data.encode("utf-8", "surrogateescape")


def _payload(data: bytes, media_type: str | None) -> dict[str, Any]:
    if media_type is None or _is_json(media_type):
        return {"data": _json(data)}
    try:
        return {"data": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"data_base64": base64.b64encode(data).decode("ascii")}


def _is_json(media_type: str) -> bool:
    essence = media_type.partition(";")[0].strip().lower()
    return essence.endswith(("/json", "+json"))


def _json(data: bytes) -> msgspec.Raw:
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        hint = "text needs its quotes ('\"text\"'), or --datacontenttype text/plain"
        raise click.BadParameter(f"it is not JSON: {error}; {hint}", param_hint="--data") from error
    return msgspec.Raw(data)  # as it was written: no number changes its form
