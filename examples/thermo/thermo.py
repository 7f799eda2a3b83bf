"""A plugin package with one of each kind: event type, handler, source, webhook."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from eventd import (
    Batch,
    Duration,
    Emitter,
    Event,
    Handler,
    Logger,
    Reject,
    Request,
    Response,
    Source,
    State,
    Stop,
    Webhook,
)

__all__ = ["Archive", "Clock", "GitHub", "Reading"]


class Reading(Event):
    """A temperature reading; it tells when a sensor is hotter than ever."""

    type = "com.example.sensor.reading"

    class Data(msgspec.Struct):
        """What a reading has to have; others are refused at the door."""

        celsius: float
        sensor: str

    data: Data

    def execute(self, state: State, emit: Emitter) -> None:
        """Called with each reading. What is kept and emitted becomes durable together."""
        key = f"hottest/{self.data.sensor}"
        if self.data.celsius > state.get(key, -273.15):
            state[key] = self.data.celsius
            emit("com.example.sensor.record", {"celsius": self.data.celsius}, subject=self.data.sensor)


class Archive(Handler):
    """Writes one line for each event into a file a day."""

    types = ("com.example.>", "com.github.>")
    # It waits for the disk.
    run = "thread"

    class Config(msgspec.Struct):
        """The keys of ``[handler:archive]``."""

        directory: Path

    def __init__(self, config: Config, log: Logger) -> None:
        self.directory = config.directory
        self.log = log

    def start(self) -> None:
        """Called once before the first batch."""
        self.directory.mkdir(parents=True, exist_ok=True)

    def handle(self, batch: Batch) -> None:
        """Called with all events that wait; when it returns, they are handled."""
        with (self.directory / f"{datetime.now(UTC):%Y-%m-%d}.txt").open("a") as file:
            for event in batch:
                file.write(f"{event.time} {event.type} {event.subject or '-'} {event.data}\n")
        self.log.info("%d events written", len(batch))


class Clock(Source):
    """Tells the time."""

    class Config(msgspec.Struct):
        """The keys of ``[source:clock]``."""

        every: Duration = 60.0

    def __init__(self, config: Config, stop: Stop) -> None:
        self.every = config.every
        self.stopping = stop

    def run(self, emit: Emitter) -> None:
        """Runs in a native thread of its own, until told to stop."""
        while not self.stopping.wait(self.every):
            emit("com.example.clock.tick", datetime.now(UTC).isoformat())


class GitHub(Webhook):
    """Makes events of GitHub's webhooks; the plugin that comes with eventd knows more about them."""

    path = "/hooks/repository"

    class Config(msgspec.Struct):
        """The keys of ``[source:repository]``."""

        secret: str

    def __init__(self, config: Config) -> None:
        self.secret = config.secret.encode()

    def receive(self, request: Request, emit: Emitter) -> Response | None:
        """Called with each request; it is answered when the event is durable."""
        signed = "sha256=" + hmac.new(self.secret, request.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signed, request.header("X-Hub-Signature-256") or ""):
            return Response(403, "the signature does not fit\n")
        try:
            payload = json.loads(request.body)
        except ValueError as error:
            raise Reject(f"the body is not JSON: {error}") from None
        emit(f"com.github.{request.header('X-GitHub-Event')}", payload, source="https://github.com")
        return None
