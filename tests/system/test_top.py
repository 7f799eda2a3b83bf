"""eventd top on a terminal, beside a daemon that is killed and comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.daemon import DaemonProcess
from tests.support.screen import OnTerminal
from tests.support.wait import until
from tests.system.conftest import ARCHIVE


def top(daemon: DaemonProcess) -> OnTerminal:
    return OnTerminal(daemon.command("top", "--interval", "0.1"), environment=daemon.environment())


def test_it_is_live_through_a_kill_a_restart_and_another_size_until_q_is_pressed(directory: Path) -> None:
    with DaemonProcess(directory, ARCHIVE) as daemon, top(daemon) as shown:
        lines = shown.until_shown("handler:jsonl", "The books balance.", "http", "ready, up")
        assert {len(line) for line in lines} == {80}
        assert len(lines) == 24
        for number in range(3):
            assert daemon.run("send", "a.b", "--data", str(number)).returncode == 0
        # The pictures of the last minute: something came, and before that nothing.
        shown.until_shown("received          0/s  ▁", "█")

        daemon.kill()
        shown.until_shown("is gone: no daemon runs here", "handler:jsonl")
        daemon.start()
        lines = shown.until_shown("ready, up", "handler:jsonl")
        assert not any("-" in line for line in lines if line.startswith(("received", "accepted", "settled")))

        shown.resize(60, 12)
        until(lambda: ({len(line) for line in shown.lines}, len(shown.lines)) == ({60}, 12), what="the new size")
        shown.until_shown("handler:jsonl", "The books balance.")

        shown.press("q")
        assert shown.ended() == 0
        assert shown.restored
        # The screen that was there before is back, and the cursor.
        assert shown.output.rstrip().endswith(("\x1b[?1049l\x1b[?25h", "\x1b[?25h\x1b[?1049l"))


@pytest.mark.parametrize("keys", ["\x03", "xq"])
def test_it_ends_by_ctrl_c_too_and_other_keys_are_nothing(daemon: DaemonProcess, keys: str) -> None:
    with top(daemon) as shown:
        shown.until_shown("handler:jsonl")
        shown.press(keys)
        assert shown.ended() == 0
        assert shown.restored
        assert "Traceback" not in shown.output


def test_in_a_pipe_it_is_one_view_and_without_a_daemon_none(daemon: DaemonProcess, directory: Path) -> None:
    done = daemon.run("top", "--interval", "0.1")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"handler:jsonl" in done.stdout and b"\x1b" not in done.stdout
    gone = DaemonProcess(directory).run("top")
    assert gone.returncode == 1
    assert b"eventd.sock" in gone.stderr
