"""What a worker does to itself, each in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.wait import until


def run(code: str, *arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"import os, sys\nfrom eventd.worker.guard import *\n{code}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **more)  # type: ignore[call-overload, no-any-return]  # as run takes it


def test_too_much_memory_is_an_error_of_the_plugin_and_can_be_told() -> None:
    done = run(
        "limit_memory(200 << 20)\n"
        "try:\n    x = b'x' * (400 << 20)\n"
        "except MemoryError:\n    lift_memory_limit(); print(len(b'x' * (400 << 20)) >> 20)"
    )
    assert (done.stdout, done.stderr) == ("400\n", "")
    assert run("limit_memory(0)\nprint(len(b'x' * (400 << 20)) >> 20)").stdout == "400\n"


def test_the_stack_of_a_crash_is_written_and_no_core() -> None:
    with tempfile.TemporaryFile() as file:
        done = run(
            "import ctypes\ntell_crashes(int(sys.argv[1]))\nctypes.string_at(0)", str(file.fileno()),
            pass_fds=[file.fileno()],
        )  # fmt: skip
        file.seek(0)
        assert done.returncode == -signal.SIGSEGV
        assert b"Segmentation fault" in file.read()


def test_it_does_not_live_without_its_parent(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    worker = (
        "import os, sys, time\nfrom eventd.worker.guard import bind_to_parent\nbind_to_parent(os.getppid())\n"
        "open(sys.argv[1], 'w').write(f'{os.getpid()}\\n')\nwhile True: pass"
    )
    daemon = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', sys.argv[1], sys.argv[2]])\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", daemon, worker, str(pid)]) as process:
        until(lambda: pid.exists() and pid.read_text().endswith("\n"), 20.0)
        process.kill()
        process.wait()
    number = int(pid.read_text())
    until(lambda: not alive(number), 20.0, "the worker to die")


def alive(pid: int) -> bool:
    try:
        return not Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].startswith(" Z")
    except FileNotFoundError:
        return False


def test_a_parent_that_is_gone_already_is_noticed() -> None:
    assert run("bind_to_parent(1)\nprint('alive')").returncode == (0 if os.getpid() == 1 else 1)


def test_signals_of_the_terminal_are_the_daemons_and_not_inherited() -> None:
    done = run(
        "import signal, subprocess\nbind_to_parent(os.getppid())\nos.kill(os.getpid(), signal.SIGINT)\n"
        "code = subprocess.run([sys.executable, '-c', 'import os, signal; os.kill(os.getpid(), signal.SIGTERM)'])\n"
        "print(code.returncode)"
    )
    assert done.stdout == f"{-signal.SIGTERM}\n"


def test_it_is_the_first_to_go_when_memory_is_short() -> None:
    assert run("prefer_as_victim()\nprint(open('/proc/self/oom_score_adj').read())").stdout.strip() == "500"


def test_the_daemon_goes_first_where_processors_are_short() -> None:
    assert run("before = os.nice(0)\nstand_back()\nprint(os.nice(0) - before)").stdout == "5\n"
