"""One worker process: started, called, stopped or killed, and heard when it dies.

It is a new Python, never a fork of the daemon, on the other end of a socketpair. A green
thread of its own reads what it says; what it asks about the state is answered there. When
that thread is over, so is the process.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
from collections.abc import Callable

from eventd.calls.messages import (
    Answer,
    Ask,
    Call,
    Failed,
    Frames,
    FromWorker,
    Log,
    Outcome,
    Ready,
    Setup,
    Stop,
    Stopped,
    frame,
    from_worker,
)
from eventd.calls.parts import Gathered
from eventd.calls.told import raised, tell
from eventd.dispatch.calling import TimedOut
from eventd.dispatch.checking import Emitted
from eventd.dispatch.spawning import LAST_WORDS, await_end, crash_file, kill_group, place_of, spawn, way_of
from eventd.errors import ClientError, PluginError
from eventd.green import Group, Signal, Stream, Worker, hub

__all__ = ["WorkerDied", "WorkerProcess"]

log = logging.getLogger(__name__)

#: Seconds for what is on the line when the process is over to be read.
LAST_BYTES = 0.05
#: Names of loggers that one worker may bring.
MOST_NAMES = 100


class WorkerDied(Exception):
    """The worker process ended in the middle of a call."""


class WorkerProcess:
    """A worker, from its birth to its death.

    :param starter: the native thread that starts and reaps it: a worker dies with the thread that started it.
    :param answer: answers what it asks about its state.
    """

    def __init__(self, name: str, group: Group, starter: Worker, answer: Callable[[Ask], object]) -> None:
        self.name = name
        self._group = group
        self._starter = starter
        self._answer = answer
        self._heard = Signal()
        self._gathered, self._emitted = Gathered(), Emitted()
        #: What it said that makes all else worth nothing.
        self._nonsense = ""
        #: Seconds within which it did not answer.
        self._late = 0.0
        #: Where it was when it crashed, or was late.
        self._place = ""
        self._given_up = False
        self._reaping = False
        self._calls = 0
        self._names: set[str] = set()
        #: Set when the process has ended; ``why`` says how.
        self.ended = Signal()
        self.why = "has not started"
        self._crashes = self._death = -1
        self._stream: Stream
        self._process: subprocess.Popen[bytes]

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return not self.ended.is_set()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def launch(self, task: bytes) -> None:
        """Start the process; ``task`` is a ``eventd.worker.task.Task``, pickled.

        :raises OSError: when there can be no other process. :raises MalformedInput: when the task is too large.
        """
        setup = frame(Setup(task))
        ours, theirs = socket.socketpair()
        self._crashes = crash_file()
        try:
            # It closes its end, also where nobody waits for it any more.
            self._process, self._death = self._starter.call(spawn, theirs, self._crashes)
        except BaseException:
            ours.close()
            os.close(self._crashes)
            self.ended.set()
            raise
        self._watch = hub().watch(self._death, self._died, label=self.name)
        self._stream = Stream(ours)
        self._stream.write(setup)
        self._group.spawn(self.name, self._read)

    def await_ready(self) -> None:
        """Wait until the plugin has started.

        :raises WorkerDied: when the process ended before. :raises PluginError: when the plugin cannot be started.
        """
        answer = self._await()
        if isinstance(answer, Failed):
            error = raised(answer.error)
            raise PluginError(f"it cannot be started: {answer.error.name}: {error}") from error.__cause__
        if not isinstance(answer, Ready):
            raise WorkerDied(f"the worker {self.why}")

    def call(self, call: Call, timeout: float = 0.0) -> Outcome:
        """Have it handle events.

        :param timeout: seconds for it; 0 is no limit.
        :raises TimedOut: when it took longer; then it is killed. :raises WorkerDied: when it ended meanwhile.
        :raises MalformedInput: when the call is too large to be sent.
        """
        self._heard.clear()
        self._gathered, self._emitted = Gathered(), Emitted()
        self._late = 0.0
        self._calls += 1
        call.number = self._calls
        self._stream.write(frame(call))
        timer = hub().call_later(timeout, lambda: self._too_late(timeout)) if timeout else None
        try:
            answer = self._await()
        finally:
            if timer is not None:
                timer.cancel()
        if isinstance(answer, Outcome) and answer.number == call.number:
            return answer
        if self.alive:
            # Code of the plugin has found the line: nothing that it says counts.
            self._nonsense = "answered what it was not asked"
            self.kill()
            self.ended.wait()
        if self._late:
            raise TimedOut(f"it did not return within {timeout:g} s; its worker was killed{self._place}")
        raise WorkerDied(f"the worker {self.why}")

    def ask_to_stop(self) -> None:
        """Have it stop its plugin and end."""
        if self.alive:
            self._heard.clear()
            self._stream.write(frame(Stop()))

    def await_end(self, timeout: float) -> None:
        """Wait for its end, and kill it where that takes longer than ``timeout`` seconds."""
        if not self.ended.wait(timeout):
            if timeout:
                log.warning("%s did not stop within %g s and is killed", self.name, timeout)
            self.kill()
            self.ended.wait()

    def kill(self) -> None:
        """End it now."""
        self._given_up = True
        if self.alive:
            self._end_group()

    def _end_group(self) -> None:
        """End it, and what it has started."""
        if not self._reaping:
            kill_group(self._process)

    def _died(self, _events: int) -> None:
        """The process is over, whoever else has its line."""
        self._watch.want(False)
        hub().call_later(LAST_BYTES, self._stream.end_input)

    def _await(self) -> FromWorker | None:
        if self.alive:
            self._heard.wait()
        answer, self._heard.value = self._heard.value, None
        self._heard.clear()
        return answer  # type: ignore[return-value]  # what _take and _reap set

    def _too_late(self, seconds: float) -> None:
        """Have it say where it is, by aborting; where that does not end it, kill it."""
        if self._heard.is_set():
            # It has answered, in this very pass.
            return
        self._late = seconds
        self._process.send_signal(signal.SIGABRT)
        hub().call_later(LAST_WORDS, self._end_group)

    def _read(self) -> None:
        frames = Frames()
        try:
            while data := self._stream.recv():
                for body in frames.feed(data):
                    self._take(from_worker(body), len(body))
        except ClientError as error:
            self._nonsense = f"said what nobody may say: {error}"
            log.error("%s %s", self.name, self._nonsense)
            self.kill()
        finally:
            self._reap()

    def _answered(self, ask: Ask) -> bytes:
        try:
            return frame(Answer(self._answer(ask)))
        except Exception as error:  # noqa: BLE001 - what the state says to it is the plugin's
            return frame(Answer(None, tell(error)))

    def _take(self, message: FromWorker, size: int) -> None:
        if isinstance(message, Log):
            self._log(message)
        elif isinstance(message, Ask):
            self._stream.write(self._answered(message))
            # It is read on when it has taken its answer: nothing piles up.
            self._stream.drain()
        elif isinstance(message, Stopped):
            if message.error is not None:
                log.error("%s failed while it was stopped: %s", self.name, message.error.traceback)
        elif isinstance(message, Outcome):
            message.drafts = self._emitted.check(message.drafts)
            whole = self._gathered.add(message, size)
            if whole is not None:
                self._heard.set(whole)
        else:
            self._heard.set(message)

    def _log(self, message: Log) -> None:
        """Loggers stay for ever: of names without number, only some are taken over."""
        known = logging.Logger.manager.loggerDict
        name = message.name if message.name in known or len(self._names) < MOST_NAMES else __name__
        self._names.add(name)
        logging.getLogger(name).log(message.level, "%s", message.text)

    def _reap(self) -> None:
        """Wait for the end of the process, and tell whoever waits for an answer."""
        self._stream.close()
        self._watch.close()
        self._reaping = True
        code, forced = self._starter.call(await_end, self._process, self._death)
        os.close(self._death)
        late = f"took longer than {self._late:g} s and was killed" if self._late else ""
        self._place = place_of(self._crashes, bool(late))
        os.close(self._crashes)
        self.why = (self._nonsense or late or way_of(code, forced)) + self._place
        if code and not self._given_up:
            log.error("%s %s", self.name, self.why)
        self.ended.set()
        self._heard.set(None)
