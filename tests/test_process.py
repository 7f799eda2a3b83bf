"""Limits and garbage collection, in a process of their own: they hold for a whole process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from eventd import process


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_the_soft_limit_of_open_files_is_raised_to_the_hard_one() -> None:
    told = run(
        "import resource as r\n"
        "from eventd.process import allow_open_files\n"
        "hard = r.getrlimit(r.RLIMIT_NOFILE)[1]\n"
        "r.setrlimit(r.RLIMIT_NOFILE, (64, hard))\n"
        "assert allow_open_files() == hard\n"
        "print(r.getrlimit(r.RLIMIT_NOFILE) == (hard, hard))\n"
    )
    assert told == "True\n"


def test_a_sandbox_that_forbids_it_is_no_obstacle(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def forbid(kind: int, limits: tuple[int, int]) -> None:
        raise PermissionError("not here")

    monkeypatch.setattr(process.resource, "getrlimit", lambda kind: (64, 128))
    monkeypatch.setattr(process.resource, "setrlimit", forbid)
    assert process.allow_open_files() == 64
    assert "no more than 64" in caplog.text


def test_what_lives_when_all_is_built_is_not_collected_again() -> None:
    told = run(
        "import gc\n"
        "from eventd.process import COLLECT_AFTER, settle_memory\n"
        "settle_memory()\n"
        "print(gc.get_freeze_count() > 0, gc.get_threshold()[0] == COLLECT_AFTER)\n"
    )
    assert told == "True True\n"


def test_nobody_but_the_daemon_ends_it() -> None:
    told = run(
        "import os\n"
        "from eventd.process import refuse_exit\n"
        "refuse_exit()\n"
        "try:\n    os._exit(3)\n"
        "except SystemExit as error:\n    print(type(error).__name__, error.code, flush=True)\n"
        "child = os.fork()\n"
        "if not child: os._exit(4)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    assert told == "ExitCalled 3\n4\n"
