"""The terminal while one screen is shown on it: keys come at once and unseen, and a change of its size is told."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import tty
from types import FrameType, TracebackType

__all__ = ["Keys"]

#: Bytes of keys that are read at once.
_READ = 1024


class Keys:
    """``with Keys() as keys``: afterwards the terminal is as it was."""

    def __enter__(self) -> Keys:
        self._keys = sys.stdin.fileno() if sys.stdin.isatty() else None
        self._saved = None if self._keys is None else termios.tcgetattr(self._keys)
        self._woken, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._before = {
            signal.SIGWINCH: signal.signal(signal.SIGWINCH, self._resized),
            signal.SIGTERM: signal.signal(signal.SIGTERM, _end),
        }
        if self._keys is not None:
            tty.setcbreak(self._keys)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._keys is not None and self._saved is not None:
            termios.tcsetattr(self._keys, termios.TCSADRAIN, self._saved)
        os.close(self._woken)
        os.close(self._waker)

    def wait(self, seconds: float) -> str:
        """The keys that are pressed; nothing when time is over, or the size has changed."""
        watched = [self._woken] if self._keys is None else [self._woken, self._keys]
        ready, _, _ = select.select(watched, [], [], max(0.0, seconds))
        if self._woken in ready:
            os.read(self._woken, _READ)
        if self._keys is None or self._keys not in ready:
            return ""
        pressed = os.read(self._keys, _READ)
        if not pressed:
            # Nobody sits there any more.
            raise KeyboardInterrupt
        return pressed.decode(errors="replace")

    def _resized(self, number: int, frame: FrameType | None) -> None:
        try:
            os.write(self._waker, b"\0")
        except BlockingIOError:
            pass  # so many changes are told that one more says nothing


def _end(number: int, frame: FrameType | None) -> None:
    # Not at once, as it is usual: the terminal has to become what it was.
    raise SystemExit(128 + number)
