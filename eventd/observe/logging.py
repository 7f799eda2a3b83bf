"""Log lines, written by a native thread so that a slow terminal or disk never holds the hub.

Lines wait in a bounded queue; when it is full they are dropped and the number of the
lost ones is told once there is room again.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
import queue
import re
import sys
import time
from typing import IO

__all__ = ["FORMATS", "LogWriter"]

#: Lines that may wait: some seconds of a very talkative daemon.
QUEUE_SIZE = 10_000

#: Characters of one message: senders' words are quoted in it, and they may have sent megabytes.
MOST_MESSAGE = 4096

#: What a terminal obeys, or a reader takes for the end of a line or for another order of
#: letters (C0, C1, U+2028-202E, U+2066-2069): who sends events must not write lines of the log.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
#: The same within a traceback, which has lines.
_UNPRINTABLE_IN_LINES = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

#: syslog priorities (RFC 5424 section 6.2.1) as systemd's journal reads them in front of a line.
PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class TextFormatter(logging.Formatter):
    """``2026-01-31T12:00:00.123Z WARNING eventd.journal: message``."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")


class SystemdFormatter(logging.Formatter):
    """``<4>eventd.journal: message``: the service manager adds the time and reads the priority."""

    def __init__(self) -> None:
        super().__init__("%(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        prefix = f"<{PRIORITIES.get(record.levelno, 6)}>"
        return "\n".join(prefix + line for line in super().format(record).splitlines())


class JSONFormatter(TextFormatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        elif record.exc_text:
            line["exception"] = record.exc_text
        return json.dumps(line, ensure_ascii=False)


FORMATS: dict[str, type[logging.Formatter]] = {
    "text": TextFormatter,
    "systemd": SystemdFormatter,
    "json": JSONFormatter,
}


class QueueHandler(logging.handlers.QueueHandler):
    """Puts records into the queue, or counts them where it is full."""

    dropped = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1
            return
        if self.dropped:
            dropped, self.dropped = self.dropped, 0
            self.handle(logging.makeLogRecord({
                "name": __name__, "levelno": logging.WARNING, "levelname": "WARNING",
                "msg": f"{dropped} log lines were dropped because they could not be written fast enough",
            }))

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Render the message here, where its arguments still are what they were."""
        record.msg, record.args = _one_line(record.getMessage()), None
        if record.exc_info:
            text = logging.Formatter().formatException(record.exc_info)
            record.exc_text = _UNPRINTABLE_IN_LINES.sub(_escaped, text)
            record.exc_info = None
        return record


class LogWriter:
    """Sends the root logger's records to ``stream`` from ``start`` to ``stop``.

    :param form: a key of ``FORMATS``; ``auto`` is ``systemd`` under systemd, else ``text``.
    """

    def __init__(self, level: str, form: str = "auto", stream: IO[str] | None = None) -> None:
        self._level = level.upper()
        output = logging.StreamHandler(stream or sys.stderr)
        output.setFormatter(FORMATS[self._resolve(form)]())
        lines: queue.Queue[logging.LogRecord] = queue.Queue(QUEUE_SIZE)
        self._handler = QueueHandler(lines)
        self._listener = logging.handlers.QueueListener(lines, output)

    @staticmethod
    def _resolve(form: str) -> str:
        if form != "auto":
            return form
        return "systemd" if "JOURNAL_STREAM" in os.environ else "text"

    def start(self) -> None:
        """Take over the root logger."""
        root = logging.getLogger()
        root.setLevel(self._level)
        root.addHandler(self._handler)
        self._listener.start()

    def stop(self) -> None:
        """Write what waits, then let go."""
        logging.getLogger().removeHandler(self._handler)
        self._listener.stop()


def _one_line(message: str) -> str:
    """The message with its control characters escaped, and cut where it is very long."""
    if len(message) > MOST_MESSAGE:
        message = f"{message[:MOST_MESSAGE]}… ({len(message)} characters)"
    return message if message.isprintable() else _UNPRINTABLE.sub(_escaped, message)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
