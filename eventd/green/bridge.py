"""Native threads and the hub.

A native thread reaches the hub by ``post``; a green thread has something done in a native
thread by ``call``, and only it waits. Both ways are queues; the hub is woken by one
``eventfd``. Nothing that is done in a native thread may touch what belongs to the hub.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from eventd.green.breaking import break_off
from eventd.green.guard import LAST_WORDS, BrokenOff
from eventd.green.hub import Hub, hub
from eventd.green.waiting import Signal, Waiter

__all__ = ["Bridge", "Worker"]

log = logging.getLogger(__name__)

#: Threads for calls that block now and then: name look-ups, files. Who blocks often has a thread of its own.
POOL = 4
#: Posted functions run in one callback, so that a native thread in a hurry cannot hold the hub.
MOST_POSTED = 1000
#: Seconds between two attempts to break off what may not be interrupted where it is: much of its time it may log.
LOOK_AGAIN = 0.05

T = TypeVar("T")


class _Call:
    """Something to be done in a native thread, and who waits for it."""

    __slots__ = ("args", "error", "fn", "value", "waiter")

    def __init__(self, fn: Callable[..., Any], args: tuple[Any, ...], waiter: Waiter | None) -> None:
        self.fn = fn
        self.args = args
        self.waiter = waiter
        self.value: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.value = self.fn(*self.args)
        except BaseException as error:
            self.error = error
            if self.waiter is None and not isinstance(error, BrokenOff):
                name = getattr(self.fn, "__qualname__", self.fn)
                log.error("%s: %s failed", threading.current_thread().name, name, exc_info=error)

    def result(self) -> Any:
        if self.error is not None:
            try:
                raise self.error
            finally:
                # The traceback holds this frame, and this frame the error.
                self.error = None
        return self.value


class Bridge:
    """The way between the hub and native threads; made on the hub."""

    def __init__(self, name: str = "eventd", pool: int = POOL) -> None:
        self._hub: Hub = hub()
        self._name = name
        self._posted: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._signalled = False
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._watch = self._hub.watch(self._fd, self._drain, label=f"bridge {name}")
        self._closing = threading.Lock()
        self._size = pool
        self._pool: SimpleQueue[_Call | None] = SimpleQueue()
        self._threads: list[Worker] = []
        self._busy = 0

    def post(self, fn: Callable[..., object], *args: Any) -> None:
        """Run ``fn(*args)`` on the hub, in the order of posting. From any thread; nothing waits."""
        self._posted.append((fn, args))
        # Unlocked on purpose: the flag is lowered before the queue is read, so at worst the hub wakes once too often.
        if not self._signalled:
            self._signalled = True
            self._wake()

    def call(self, fn: Callable[..., T], *args: Any) -> T:
        """Run ``fn(*args)`` in a thread of the pool; the green thread waits for what it returns or raises."""
        if self._busy >= len(self._threads) and len(self._threads) < self._size:
            self._threads.append(Worker(self, f"{self._name}-pool-{len(self._threads)}", self._pool))
        self._busy += 1
        try:
            return self._threads[0].call(fn, *args)
        finally:
            self._busy -= 1

    def thread(self, name: str) -> Worker:
        """A native thread of one's own."""
        return Worker(self, name, SimpleQueue())

    def close(self) -> None:
        """Let the pool's threads end, and take nothing more.

        What is posted from now on is dropped: first stop whoever still waits for a thread.
        """
        for _ in self._threads:
            self._pool.put(None)
        with self._closing:
            self._watch.close()
            os.close(self._fd)
            self._fd = -1

    def _wake(self) -> None:
        with self._closing:
            if self._fd >= 0:
                os.eventfd_write(self._fd, 1)

    def _drain(self, _events: int) -> None:
        try:
            os.eventfd_read(self._fd)
        except BlockingIOError:
            return
        self._signalled = False
        posted, timed = self._posted, self._hub.timed
        for _ in range(min(len(posted), MOST_POSTED)):
            fn, args = posted.popleft()
            timed(fn, *args)
        if posted and not self._signalled:
            self._signalled = True
            self._wake()


class Worker:
    """A native thread that does one thing after the other; made by ``Bridge.thread``.

    Nothing that it is given to do can end it, SystemExit included. It never holds up the
    end of the process.
    """

    def __init__(self, bridge: Bridge, name: str, queue: SimpleQueue[_Call | None]) -> None:
        self.name = name
        self._bridge = bridge
        self._queue = queue
        self._ended = Signal()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread still runs."""
        return self._thread.is_alive()

    @property
    def ident(self) -> int | None:
        """The thread's number, as in ``sys._current_frames``."""
        return self._thread.ident

    @property
    def queued(self) -> int:
        """What it has still to do, without what it does now."""
        return self._queue.qsize()

    def call(self, fn: Callable[..., T], *args: Any) -> T:
        """Do ``fn(*args)``; the green thread waits for what it returns or raises."""
        self._refuse_when_stopping()
        waiter = Waiter()
        call = _Call(fn, args, waiter)
        self._queue.put(call)
        waiter.wait()
        result: T = call.result()
        return result

    def submit(self, fn: Callable[..., object], *args: Any) -> None:
        """Do ``fn(*args)`` later; what it raises goes to the log. From any thread."""
        self._refuse_when_stopping()
        self._queue.put(_Call(fn, args, None))

    def stop(self, timeout: float | None = None) -> bool:
        """Do what is queued, then end; the green thread waits. False when it did not end in time."""
        if not self._stopping:
            self._stopping = True
            self._queue.put(None)
        return self._ended.wait(timeout)

    def abandon(self) -> None:
        """Do no more, and have what it does now broken off, again and again until that ends. On the hub."""
        self.stop(0.0)
        self._break_off()

    def _break_off(self) -> None:
        if self.alive and self.ident is not None:
            hub().call_later(LAST_WORDS if break_off(self.ident) else LOOK_AGAIN, self._break_off)

    def _refuse_when_stopping(self) -> None:
        if self._stopping:
            raise RuntimeError(f"the thread {self.name} is stopping")

    def _work(self) -> None:
        try:
            self._work_off()
        except BrokenOff:
            # What it was for was over just then.
            pass
        self._bridge.post(self._ended.set)

    def _work_off(self) -> None:
        post = self._bridge.post
        while (call := self._queue.get()) is not None:
            call.run()
            if call.waiter is not None:
                post(call.waiter.switch)
            # While it waits for the next, it must not keep the last one's arguments.
            del call
