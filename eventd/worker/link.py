"""A worker's line to the daemon: blocking, and shared by the threads of its plugin."""

from __future__ import annotations

import logging
import socket
import threading

from eventd.calls.messages import HEAD, Answer, Ask, FromWorker, Log, Stop, ToWorker, frame, length_of, to_worker

__all__ = ["Gone", "Link", "LogToDaemon"]

#: Messages up to this size are read into memory that is used again and again.
KEPT = 262_144
#: Characters of a line for the log.
MOST_LINE = 16384


class Gone(BaseException):
    """The daemon is not there any more: nothing that the plugin catches."""


class Link:
    """Messages to and from the daemon."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._buffer = bytearray(KEPT)
        self._sending = threading.Lock()
        #: A question and its answer: one at a time.
        self._asking = threading.RLock()

    def send(self, message: FromWorker) -> None:
        """Send a message; from any thread.

        :raises Gone: when the daemon is gone.
        """
        data = frame(message)
        with self._sending:
            try:
                self._socket.sendall(data)
            except OSError as error:
                raise Gone from error

    def receive(self) -> ToWorker:
        """Wait for the next message.

        :raises Gone: when the daemon is gone.
        """
        return to_worker(self._read(length_of(self._read(HEAD))))

    def ask(self, question: Ask) -> object:
        """Ask the daemon something in the middle of a call."""
        with self._asking:
            self.send(question)
            answer = self.receive()
        if isinstance(answer, Stop):
            # It gives up this worker while the plugin still works.
            raise Gone
        assert isinstance(answer, Answer), answer
        return answer.value

    def _read(self, size: int) -> memoryview:
        """The next bytes, until more are read."""
        view = memoryview(self._buffer if size <= KEPT else bytearray(size))[:size]
        missing = view
        while missing:
            try:
                count = self._socket.recv_into(missing, 0, socket.MSG_WAITALL)
            except OSError as error:
                raise Gone from error
            if not count:
                raise Gone
            missing = missing[count:]
        return view


class LogToDaemon(logging.Handler):
    """Writes into the daemon's log."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link

    def emit(self, record: logging.LogRecord) -> None:
        """Send one line, with its traceback."""
        try:
            self._link.send(Log(record.levelno, record.name, self.format(record)[:MOST_LINE]))
        except Exception:  # noqa: BLE001 - a record that cannot be formatted; logging has a way for that
            self.handleError(record)
