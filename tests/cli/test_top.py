"""eventd top, where it is no terminal; on one: tests/system/test_top.py."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result

from tests.cli.statuses import status


class Rising:
    """Answers with the status of one more second each time, from the second on."""

    def __init__(self, daemon: Any, *, most: int = 1000) -> None:
        self._answers = daemon.answers
        self._second = 0
        self._most = most
        daemon.answers = self

    def get(self, path: str, default: Any) -> Any:
        self._second += 1
        if path != "/api/v1/status" or self._second > self._most:
            return 503, [b'{"errors": [{"message": "it stops"}]}']
        return 200, [json.dumps(status(self._second)).encode()]


def test_in_a_pipe_it_is_one_view_after_one_interval(daemon: Any, eventd: Callable[..., Result]) -> None:
    Rising(daemon)
    result = eventd("top", "--interval", "0.1")

    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0].startswith("eventd 0.1.0 on n1: ready, up 16m 42s")
    assert "received        100/s  █" in lines
    assert any("handler:n1" in line and "↑" in line for line in lines)
    assert "\x1b" not in result.output
    assert len(daemon.calls) == 2


def test_json_once_is_one_line_with_the_rates(daemon: Any, eventd: Callable[..., Result]) -> None:
    Rising(daemon)
    (line,) = eventd("top", "--interval", "0.1", "--json", "--once").output.splitlines()

    told = json.loads(line)
    assert (told["received"], told["rejected"], told["seconds"]) == (100, 10, 1)
    assert told["consumers"][1]["change"] == 5


def test_json_is_a_line_each_interval_also_while_the_daemon_is_gone(daemon: Any, config_file: Path) -> None:
    Rising(daemon, most=3)
    command = [sys.executable, "-m", "eventd", "top", "-c", str(config_file), "--interval", "0.1", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        first, second, third, fourth = (json.loads(running.stdout.readline()) for _ in range(4))
        running.send_signal(signal.SIGINT)

    assert running.returncode == 0
    assert (first["received"], second["received"]) == (100, 100)
    assert third == fourth == {"error": "the daemon refused: it stops"}


def test_without_a_daemon_it_says_so(eventd: Callable[..., Result]) -> None:
    result = eventd("top", "--once")

    assert result.exit_code == 1
    assert "no daemon runs here" in result.output
