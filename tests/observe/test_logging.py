"""Log lines reach the stream by way of a bounded queue and a native thread."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable

import pytest

from eventd.observe import logging as eventd_logging
from eventd.observe.logging import LogWriter


def written(form: str, say: Callable[[logging.Logger], None]) -> str:
    stream = io.StringIO()
    writer = LogWriter("info", form, stream)
    writer.start()
    try:
        say(logging.getLogger("eventd.test"))
    finally:
        writer.stop()
    return stream.getvalue()


def test_text_has_time_level_and_name() -> None:
    line = written("text", lambda log: log.warning("it is %s", "hot"))
    assert line.endswith("Z WARNING eventd.test: it is hot\n")


def test_each_line_for_systemd_carries_its_priority() -> None:
    def say(log: logging.Logger) -> None:
        try:
            raise ValueError("no\nyes")
        except ValueError:
            log.exception("failed")

    lines = written("systemd", say).splitlines()
    assert lines[0] == "<3>eventd.test: failed"
    assert lines[-2:] == ["<3>ValueError: no", "<3>yes"]
    assert all(line.startswith("<3>") for line in lines)


@pytest.mark.parametrize("form", ["text", "systemd"])
def test_what_a_sender_wrote_makes_no_line_of_its_own(form: str) -> None:
    hostile = "a\r\n2026-01-31T12:00:00.000Z ERROR eventd: b\x1b[31m\x85\u2028\u202e\ud800é"
    lines = written(form, lambda log: log.info("refused %s", hostile)).split("\n")
    assert len(lines) == 2
    assert lines[0].endswith(
        r"refused a\r\n2026-01-31T12:00:00.000Z ERROR eventd: b\x1b[31m\x85\u2028\u202e\ud800é"
    )
    assert lines[0].isprintable()


def test_a_traceback_keeps_its_lines_and_nothing_else_that_a_terminal_obeys() -> None:
    def say(log: logging.Logger) -> None:
        try:
            raise ValueError("\x1b[31m\r")
        except ValueError:
            log.exception("failed")

    assert written("text", say).endswith("\nValueError: \\x1b[31m\\r\n")


def test_a_message_of_megabytes_is_cut() -> None:
    line = written("text", lambda log: log.info("refused %s", "x" * 1_000_000))
    assert len(line) < 5000
    assert line.endswith("x… (1000008 characters)\n")


def test_json_keeps_the_traceback() -> None:
    def say(log: logging.Logger) -> None:
        try:
            raise ValueError("no")
        except ValueError:
            log.exception("failed")

    line = json.loads(written("json", say))
    assert (line["level"], line["message"]) == ("error", "failed")
    assert line["exception"].endswith("ValueError: no")


def test_auto_asks_whether_systemd_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    assert written("auto", lambda log: log.info("x")) == "<6>eventd.test: x\n"


def test_lines_under_the_level_are_not_written() -> None:
    assert written("text", lambda log: log.debug("x")) == ""


def test_what_does_not_fit_is_dropped_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventd_logging, "QUEUE_SIZE", 2)
    stream = io.StringIO()
    writer = LogWriter("info", "text", stream)
    logger = logging.getLogger("eventd.test")
    root = logging.getLogger()
    root.addHandler(writer._handler)
    root.setLevel("INFO")
    for number in range(5):
        logger.info("line %d", number)
    for _ in range(2):
        writer._handler.queue.get_nowait()
    logger.info("room again")
    writer.start()
    writer.stop()
    root.removeHandler(writer._handler)
    assert "room again" in stream.getvalue()
    assert "3 log lines were dropped" in stream.getvalue()
