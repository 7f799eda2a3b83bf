"""The eventd command as a process: exit codes, speed, and what it does not import."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from eventd import __version__


def eventd(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "eventd", *args], capture_output=True, text=True, check=False)


def test_version() -> None:
    assert eventd("--version").stdout == f"eventd {__version__}\n"


def test_a_mistyped_command_is_told_with_the_near_one() -> None:
    done = eventd("stauts")

    assert done.returncode == 2
    assert "No such command 'stauts'; did you mean status?" in done.stderr


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("pause", "eventd handlers pause"),
        ("resume", "eventd handlers resume"),
        ("retry", "eventd dead retry"),
        ("drop", "eventd dead drop"),
        ("verify", "eventd journal verify"),
        ("list", "eventd dead list or eventd handlers list or eventd plugins list"),
    ],
)
def test_a_command_of_a_group_is_told_with_its_group(name: str, meant: str) -> None:
    done = eventd(name, "archive")

    assert done.returncode == 2
    assert f"No such command '{name}'; did you mean {meant}?" in done.stderr


def test_no_command_at_all_is_wrong_usage() -> None:
    assert eventd().returncode == 2


def test_help_starts_fast() -> None:
    def once() -> float:
        started = time.perf_counter()
        assert eventd("--help").returncode == 0
        return time.perf_counter() - started

    # The best of several: the machine may be busy with other things.
    assert min(once() for _ in range(5)) < 0.120 * float(os.environ.get("EVENTD_TEST_SCALE", "1"))


@pytest.mark.parametrize("name", ["send", "tail", "status", "config", "check", "plugins"])
def test_only_run_imports_the_hub(name: str) -> None:
    code = f"import sys, eventd.cli.{name}; print([m for m in ('eventlet', 'greenlet', 'rich') if m in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
