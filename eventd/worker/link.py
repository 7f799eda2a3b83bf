"""A worker's line to the daemon: blocking, and shared by the threads of its plugin."""

from __future__ import annotations

import logging
import socket
import threading
from collections import deque

from eventd.calls.messages import HEAD, Answer, Ask, FromWorker, Log, ToWorker, frame, length_of, to_worker
from eventd.calls.told import raised

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
        self._asking = threading.Lock()
        self._turn = threading.Condition()
        self._reading = False
        self._answers: deque[ToWorker] = deque()
        self._orders: deque[ToWorker] = deque()

    def send(self, message: FromWorker) -> None:
        """Send a message; from any thread.

        :raises Gone: when the daemon is gone. :raises MalformedInput: when it is too large.
        """
        self.send_framed(frame(message))

    def send_framed(self, data: bytes) -> None:
        """Send what is framed already."""
        with self._sending:
            try:
                self._socket.sendall(data)
            except OSError as error:
                raise Gone from error

    def receive(self) -> ToWorker:
        """Wait for the next message.

        :raises Gone: when the daemon is gone.
        """
        return self._next(self._orders)

    def ask(self, question: Ask) -> object:
        """Ask the daemon something; from any thread.

        :raises Gone: when the daemon is gone. :raises Exception: what hinders the daemon from answering.
        """
        with self._asking:
            self.send(question)
            answer = self._next(self._answers)
        assert isinstance(answer, Answer), answer
        if answer.error is not None:
            raise raised(answer.error)
        return answer.value

    def _next(self, wanted: deque[ToWorker]) -> ToWorker:
        """The next message of a kind: one thread reads, for those that wait for another kind, too."""
        with self._turn:
            while not wanted:
                if not self._reading:
                    self._reading = True
                    break
                self._turn.wait()
            else:
                return wanted.popleft()
        try:
            while (message := self._read_one(wanted)) is None:
                pass
            return message
        finally:
            with self._turn:
                self._reading = False
                self._turn.notify_all()

    def _read_one(self, wanted: deque[ToWorker]) -> ToWorker | None:
        message = to_worker(self._read(length_of(self._read(HEAD))))
        queue = self._answers if isinstance(message, Answer) else self._orders
        if queue is wanted:
            return message
        with self._turn:
            queue.append(message)
            self._turn.notify_all()
        return None

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
