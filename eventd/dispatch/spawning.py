"""A worker as a process of the system: its command, its end, and what a crash leaves.

All but the words may wait, and is called in the native thread that starts workers.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress

from eventd.calls.messages import LINE_LOST
from eventd.green import bounded_file
from eventd.green.stacks import parse, parse_crash, told
from eventd.worker.main import main

__all__ = ["LAST_WORDS", "await_end", "crash_file", "kill_group", "place_of", "spawn", "way_of"]

#: Seconds for a worker that aborts to write down its stack, and for one that closed its line to end by itself.
LAST_WORDS = 0.5
#: Bytes of the stacks of a crash that are kept and told: some hundred frames, of all threads.
MOST_STACK = 16_384

#: The worker finds what the daemon finds, in the same order, and nothing of the current directory.
_START = (
    "import sys; sys.path[:] = sys.argv[3:]; from eventd.worker.main import main; "
    "main(int(sys.argv[1]), int(sys.argv[2]))"
)


def crash_file() -> int:
    """Where a crash is written; the plugin may find it, and cannot fill the memory with it."""
    return bounded_file("eventd-crash", MOST_STACK)


def spawn(line: socket.socket, crashes: int) -> tuple[subprocess.Popen[bytes], int]:
    """Start a worker that has this end of its line, which is closed here, and a file for its crashes.

    It comes with a descriptor of its process. :raises OSError: when there can be no other process.
    """
    with line:
        process = subprocess.Popen(
            [sys.executable, "-c", _START, str(line.fileno()), str(crashes), *sys.path],
            pass_fds=(line.fileno(), crashes), stdin=subprocess.DEVNULL, process_group=0,
        )  # fmt: skip
    try:
        return process, os.pidfd_open(process.pid)
    except OSError:
        kill_group(process)
        process.wait()
        raise


def await_end(process: subprocess.Popen[bytes], death: int) -> tuple[int, bool]:
    """Its exit code, and whether it had to be killed, since it only closed its line.

    What it has started ends with it, and before it is reaped: then its number may be another's.
    """
    ended = select.poll()
    ended.register(death, select.POLLIN)
    forced = not ended.poll(LAST_WORDS * 1000)
    kill_group(process)
    return process.wait(), forced


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """End a worker, and what it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def way_of(code: int, forced: bool) -> str:
    """How a process ended, in words."""
    if forced or code == LINE_LOST:
        return "closed its line to the daemon"
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def place_of(crashes: int, late: bool) -> str:
    """Where a worker was when it crashed, or was ``late`` and aborted: to be added; "" where it is not known."""
    text = os.pread(crashes, MOST_STACK, 0).rstrip(b"\0").decode(errors="replace")
    # Plugins are called in the main thread, which is the last to be written.
    stack = parse(text) if late else parse_crash(text)
    return f", {told(stack, main.__code__)}" if stack else ""
