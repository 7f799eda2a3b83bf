"""A writer that is killed at any moment has lost nothing that it said was durable."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.journal.support import InlineJournal

ROUNDS = 12


def killed(root: Path, path: Path, seconds: float) -> list[int]:
    """Let a writer commit, kill it ``seconds`` after its first commit, and return what it said."""
    command = [sys.executable, "-m", "tests.journal.committing", str(path)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = [process.stdout.readline(), process.stdout.readline()]
        time.sleep(seconds)  # the moment of the kill is what is tried here
        process.send_signal(signal.SIGKILL)
        said += process.stdout.read().splitlines()
    return [int(line) for line in said if line.strip()]


def test_kill_9_loses_nothing_that_was_durable(tmp_path: Path, root: Path) -> None:
    moments = random.Random(9)
    path = tmp_path / "journal.sqlite"
    last = 0
    for _ in range(ROUNDS):
        said = killed(root, path, moments.uniform(0.0, 0.05))
        assert said[0] >= last, "a restart forgot what the run before had said"
        last = said[-1]

    journal = InlineJournal(tmp_path)

    scan = journal.scan()
    assert journal.opened.end >= last
    assert scan.holes == []
    end = 0
    for block in scan.blocks:
        assert block.first == end
        assert block.body == b"%d " % end * (end % 3 * 2000 + 1)
        end = block.end
    assert end == journal.opened.end
    assert journal.opened.cursors["c"] in {block.first for block in scan.blocks[-1:]}
    assert not list(tmp_path.glob("*broken*"))
    journal.close()
