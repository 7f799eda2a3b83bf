"""A command on a terminal: what it shows, keys that are pressed, a window that changes its size."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from types import TracebackType

from tests.support.wait import SCALE, until

__all__ = ["OnTerminal"]

#: Where a new picture begins, and what is no text of it.
HOME, CONTROLS = "\x1b[H", re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class OnTerminal:
    """``with OnTerminal(command) as shown``: a command whose terminal has so many columns and lines."""

    def __init__(
        self, command: list[str], width: int = 80, height: int = 24, environment: dict[str, str] | None = None
    ) -> None:
        self._ours, self._theirs = pty.openpty()
        self.resize(width, height)
        self.before = termios.tcgetattr(self._theirs)
        kept = {key: value for key, value in (environment or os.environ).items() if key not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            # In a session of its own, whose terminal this is: it is told of a new size, and of Ctrl-C.
            ["setsid", "--ctty", *command], stdin=self._theirs, stdout=self._theirs, stderr=self._theirs,
            env={**kept, "TERM": "xterm-256color"},
        )  # fmt: skip
        self._output = b""
        self._thread = threading.Thread(target=self._read, name="screen")
        self._thread.start()

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    @property
    def output(self) -> str:
        """All that came, with what steers the terminal."""
        return self._output.decode(errors="replace")

    @property
    def lines(self) -> list[str]:
        """The lines of the last picture that is complete."""
        pictures = self.output.split(HOME)
        return CONTROLS.sub("", pictures[-2]).replace("\r", "").split("\n") if len(pictures) > 2 else []

    def until_shown(self, *texts: str) -> list[str]:
        """Wait until a picture has all of these."""

        def found() -> list[str]:
            lines = self.lines
            return lines if all(any(text in line for line in lines) for text in texts) else []

        return until(found, 20.0, f"a picture with {texts}")

    def ended(self) -> int:
        """Wait for its end: the exit code."""
        return self.process.wait(20.0 * SCALE)

    @property
    def restored(self) -> bool:
        """Whether the terminal is as it was."""
        return termios.tcgetattr(self._theirs) == self.before

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._ours, 65536)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                return
            if not data:
                return
            self._output += data

    def __enter__(self) -> OnTerminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._theirs)
        self._thread.join(10.0 * SCALE)
        os.close(self._ours)
