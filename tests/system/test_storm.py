"""10,000 connections publish while thousands of them go and come back each second, half of them by TLS.

Those that stay are not dropped and have all their acks; those that come queue up. The test of the suite rages
for some seconds, ``EVENTD_TEST_STORM=60`` for a minute. ``--log-cli-level=info`` shows what was seen.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificate import make_certificate
from tests.support.daemon import DaemonProcess
from tests.support.wait import until

pytestmark = pytest.mark.system

log = logging.getLogger(__name__)

#: Connections that stay and that come and go, of each of the two kinds, and how many of these are to do so a second.
STAYERS, CHURNERS, RATE = 2000, 3000, 1000
SECONDS = int(os.environ.get("EVENTD_TEST_STORM", "10"))
#: Bytes of memory for each connection, TLS with its buffers, and beside them.
EACH, BESIDE = 60_000, 150 << 20

CONFIG = """
[listener:tls]
protocol = http
bind = 127.0.0.1:0
tls_cert = {directory}/cert.pem
tls_key = {directory}/key.pem
"""


class Crowd:
    """One kind of connections, in a process of its own."""

    def __init__(self, stack: ExitStack, root: Path, port: int, cert: str) -> None:
        arguments = [str(port), cert, str(STAYERS), str(CHURNERS), str(RATE), str(SECONDS)]
        self.process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "tests.support.storm", *arguments], cwd=root, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )
        )  # fmt: skip
        stack.callback(self.process.kill)

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def rage(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_those_that_stay_do_not_notice_those_that_come_and_go(directory: Path, root: Path) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 4 * (STAYERS + CHURNERS):
        pytest.fail("a process may not open 20,000 files here: ulimit -Hn")
    make_certificate(directory)
    with DaemonProcess(directory, CONFIG) as daemon, ExitStack() as stack:
        assert daemon.process is not None
        pid, before = daemon.process.pid, descriptors(daemon.process.pid)
        crowds = {
            "plain": Crowd(stack, root, daemon.port("http"), "-"),
            "tls": Crowd(stack, root, daemon.port("tls"), f"{directory}/cert.pem"),
        }
        assert [crowd.line() for crowd in crowds.values()] == ["up\n"] * 2
        calm = resident(pid)
        for crowd in crowds.values():
            crowd.rage()
        seen: dict[str, Any] = {name: json.loads(crowd.line()) for name, crowd in crowds.items()}
        status, after = daemon.status(), resident(pid)
        for name, told in seen.items():
            log.info("%s: %s", name, {k: round(v, 4) if isinstance(v, float) else v for k, v in told.items()})
        log.info("memory: %d MiB before the storm, %d MiB behind it", calm >> 20, after >> 20)

        for told in seen.values():
            assert told.get("dropped", 0) == told["missing"] == told["unanswered"] == 0, told
            assert told["acked"] + told["abandoned"] == told["published"]
            assert told["connected"] > STAYERS + CHURNERS
        acked = sum(told["acked"] for told in seen.values())
        assert acked <= status["events"]["accepted"] <= sum(told["published"] for told in seen.values())
        assert status["imbalances"] == []
        assert after < EACH * 2 * (STAYERS + CHURNERS) + BESIDE
        stack.close()
        until(lambda: descriptors(pid) <= before + 2, timeout=20.0, what="all descriptors to be closed")
        daemon.kill()
