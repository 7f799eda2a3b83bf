"""The programs in examples/ do what they say: processes of their own, with a real daemon where they need one."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import DaemonProcess
from tests.support.wait import until

pytestmark = pytest.mark.system

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

THERMO = """
[handler:archive]
directory = {directory}/archive

[source:clock]
every = 10ms

[source:repository]
secret = s3cret
"""


class Program:
    """A running example, and what it has written."""

    def __init__(self, name: str, output: Path, *arguments: str) -> None:
        self.output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, str(EXAMPLES / name), *arguments], stdout=file, stderr=file, cwd=output.parent
            )

    @property
    def lines(self) -> list[str]:
        return self.output.read_text().splitlines()

    def said(self, line: str) -> None:
        def there() -> bool:
            assert self.process.poll() is None, self.output.read_text()
            return line in self.lines

        try:
            until(there, timeout=20.0, what=f"{line!r}")
        except AssertionError as error:
            error.add_note(self.output.read_text())
            raise


@contextmanager
def running(name: str, directory: Path, *arguments: str) -> Iterator[Program]:
    """An example until Ctrl-C, which it takes for its end."""
    program = Program(name, directory / "output.txt", *arguments)
    try:
        yield program
        program.process.send_signal(signal.SIGINT)
        assert program.process.wait(20.0) == 0, program.output.read_text()
    finally:
        program.process.kill()
        program.process.wait()


def url_of(daemon: DaemonProcess) -> str:
    return f"ws://hub.localhost:{daemon.port('http')}"


@pytest.fixture
def thermo(directory: Path) -> Path:
    """The package of the example, installed by pip into a folder of its own."""
    source, site = directory / "thermo", directory / "site"
    shutil.copytree(EXAMPLES / "thermo", source)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--target", str(site), str(source)], check=True, capture_output=True, timeout=100)
    return site


def deliver(daemon: DaemonProcess, body: bytes, signature: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port("http"), timeout=10)
    try:
        headers = {"X-GitHub-Event": "push", "X-Hub-Signature-256": signature}
        connection.request("POST", "/hooks/repository", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_plugin_package_runs_in_a_daemon(directory: Path, thermo: Path) -> None:
    with DaemonProcess(directory, THERMO, path=[thermo]) as daemon:
        for celsius in (20.0, 31.5, 25.0):
            data = json.dumps({"celsius": celsius, "sensor": "roof"})
            assert daemon.run("send", "com.example.sensor.reading", "--data", data).returncode == 0
        refused = daemon.run("send", "com.example.sensor.reading", "--data", '{"sensor": "roof"}')
        body = b'{"ref": "refs/heads/main"}'
        signature = "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
        assert deliver(daemon, body, signature) == 204
        assert deliver(daemon, body + b" ", signature) == 403
        until(lambda: daemon.events("com.example.clock.tick"), what="the clock to tick")
        until(lambda: len(daemon.events("com.example.sensor.record")) == 2, what="the records")
        archive = directory / "archive"
        until(lambda: "com.github.push" in "".join(file.read_text() for file in archive.glob("*.txt")))

        assert b"`celsius`" in refused.stderr
        assert [event["data"]["celsius"] for event in daemon.events("com.example.sensor.record")] == [20.0, 31.5]


def test_the_event_manager_handles_and_ends_by_itself(directory: Path) -> None:
    expected = [
        "ada ordered 5 apples", "grace ordered 2 pears",
        "5 apples are on their way to ada", "2 pears are on their way to grace",
    ]  # fmt: skip
    for arguments in ([], ["events.sqlite"]):
        command = [sys.executable, str(EXAMPLES / "manager.py"), *arguments]
        told = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=directory, check=True)
        assert (told.stdout.splitlines(), told.stderr) == (expected, "")
    assert (directory / "events.sqlite").exists()


def test_a_program_with_eventd_inside_handles_its_own_events_and_those_of_a_hub(directory: Path) -> None:
    with DaemonProcess(directory) as daemon, running("inside.py", directory, url_of(daemon)) as program:
        program.said("connected, reading Event Data")
        program.said("com.example.sensor.third")
        daemon.run("send", "com.example.from.the.hub")
        program.said("com.example.from.the.hub")

        assert program.lines.count("com.example.sensor.reading") == 3
        assert "event_type_1" in program.lines


def test_an_application_answers_questions_and_survives_the_hub(directory: Path) -> None:
    def ask(daemon: DaemonProcess, text: str) -> dict[str, Any]:
        assert daemon.run("send", "com.example.question", "--data", json.dumps(text)).returncode == 0
        asked = daemon.events("com.example.question")[-1]
        answers = until(
            lambda: [one for one in daemon.events("com.example.answer") if one["data"]["to"] == asked["id"]],
            timeout=40.0,
            what="an answer",
        )
        [answer] = answers
        return dict(answer)

    with DaemonProcess(directory) as daemon:
        port = daemon.port("http")
        with running("my_application.py", directory, url_of(daemon)) as program:
            program.said("connected, reading questions")
            assert ask(daemon, "how hot is it?")["data"]["text"] == "warmer than yesterday"
            daemon.stop()
            program.said("disconnected")
            (directory / "conf.ini").write_text(f"[listener:http]\nprotocol = http\nbind = 127.0.0.1:{port}\n")
            daemon.start()
            ask(daemon, "and now?")

            assert [line for line in program.lines if line.startswith("questions: ")] == [
                "questions: how hot is it?", "questions: and now?",
            ]  # fmt: skip
