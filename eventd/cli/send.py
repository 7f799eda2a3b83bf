"""``eventd send``: one event from the command line, or a file or pipe of them, to the daemon."""

from __future__ import annotations

import base64
import datetime as dt
import os
import socket
import sys
import uuid
from pathlib import Path
from typing import IO, Any

import click
import msgspec

from eventd.cli.connection import DaemonConnection
from eventd.cli.options import Settings, configured
from eventd.cli.progress import bar
from eventd.cli.terminal import safe

__all__ = ["command"]

_BATCH = "application/cloudevents-batch+json"
#: What an extension cannot be called.
_OWN = ("specversion", "type", "id", "source", "time", "data", "data_base64")


@click.command("send")
@configured
@click.argument("type", required=False)
@click.option("--data", metavar="JSON|-|@FILE", help="The payload: JSON, or - for stdin, or @ and the name of a file.")
@click.option("--subject", help="What of the source the event is about.")
@click.option("--source", help="Where it happened, a URI-reference; this host by default.")
@click.option("--id", help="Its id; a new one by default.")
@click.option("--time", help="When it happened, RFC 3339; now by default.")
@click.option("--datacontenttype", metavar="MEDIA-TYPE", help="What the payload is, where it is not JSON.")
@click.option("--dataschema", metavar="URI", help="The schema of the payload.")
@click.option(
    "--lines", is_flag=False, flag_value="-", metavar="[FILE]",
    help="Send each line of a file, or of stdin: an event in JSON or, with a TYPE, the payload of one.",
)
@click.option("--extension", "extensions", metavar="NAME=VALUE", multiple=True, help="An extension attribute.")
def command(
    settings: Settings,
    type: str | None,
    data: str | None,
    lines: str | None,
    extensions: tuple[str, ...],
    **attributes: str | None,
) -> None:
    """Send an event, or a file of them, to the daemon.

    With a TYPE it is one: what kind of event it is, and more if you like. Its id is printed once it is durable.

    With --lines there are many, as fast as the daemon takes them. What an event lacks is filled in;
    what tail and dump print can be sent again. A line that is refused is told with its number, the
    others are sent.

    \b
    Examples:
      eventd send com.example.reading --data '{"celsius": 21.5}' --subject kitchen
      sensors -j | eventd send com.example.sensors --data -
      eventd send com.example.photo --data @photo.jpg --datacontenttype image/jpeg
      eventd journal dump | eventd send --lines -c elsewhere.ini
      jq -c '.readings[]' today.json | eventd send com.example.reading --lines
    """
    if lines is not None:
        if data is not None or attributes.get("id"):
            raise click.UsageError("--data and --id are for one event, not for lines")
        _send_lines(settings.load().eventd.run_dir, type, lines, _given(attributes, extensions))
        return
    if type is None:
        raise click.UsageError("Missing argument 'TYPE': what kind of event it is, or --lines for many")
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
        "source": _source(),
        "time": dt.datetime.now(dt.UTC).isoformat().replace("+00:00", "Z"),
    }
    return event | _given(attributes, extensions)


def _given(attributes: dict[str, str | None], extensions: tuple[str, ...]) -> dict[str, Any]:
    """The attributes that the command line names."""
    given: dict[str, Any] = {name: value for name, value in attributes.items() if value is not None}
    for extension in extensions:
        name, equals, value = extension.partition("=")
        if not name or not equals or name in given or name in _OWN:
            raise click.BadParameter(f"{extension!r} is not NAME=VALUE of an extension", param_hint="--extension")
        given[name] = value
    return given


def _send_lines(run_dir: str, type: str | None, file: str, attributes: dict[str, Any]) -> None:
    # Slow to import, and one event needs none of it.
    from eventd.cli.lines import MOST_REFUSED, Reader, Sender, TooManyRefused
    from eventd.cli.subscribing import client_of

    refused = 0

    def refuse(number: int, why: str) -> None:
        nonlocal refused
        refused += 1
        click.echo(f"eventd: line {number}: {safe(why)}", err=True)
        if refused >= MOST_REFUSED:
            raise TooManyRefused(f"{refused} lines were refused", hint="the rest is not sent; is it JSON, one a line?")

    with _opened(file) as stream, client_of(run_dir) as client, bar("sending") as advance:
        reader = Reader(type, attributes, _source(), refuse)
        sender = Sender(client, refuse)
        size = os.fstat(stream.fileno()).st_size if stream.seekable() else 0
        sender.send(reader.events(stream), lambda: advance(reader.read, size))
    click.echo(f"{sender.durable:,} events are durable", err=True)
    if refused:
        click.echo(f"{refused:,} lines were refused", err=True)
        sys.exit(1)


def _opened(file: str) -> IO[bytes]:
    if file == "-":
        return sys.stdin.buffer
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise click.BadParameter(f"{file}: {error.strerror}", param_hint="--lines") from error


def _source() -> str:
    return f"eventd://{socket.gethostname()}/send"


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
