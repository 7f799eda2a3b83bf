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
#: Bytes of memory for each connection, half of them with TLS, and beside them: 291 MiB. The daemon had 225 at most,
#: and 400 after ten seconds when those that had gone waited for the collector.
EACH, BESIDE = 20_000, 100 << 20

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


def memory(pid: int) -> tuple[int, int]:
    """Bytes that it has now, and that it had at most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    sizes = {name: value for name, _, value in (line.partition(":") for line in lines)}
    return int(sizes["VmRSS"].split()[0]) << 10, int(sizes["VmHWM"].split()[0]) << 10


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
        calm, _ = memory(pid)
        for crowd in crowds.values():
            crowd.rage()
        seen: dict[str, Any] = {name: json.loads(crowd.line()) for name, crowd in crowds.items()}
        status, (after, most) = daemon.status(), memory(pid)
        acked = {event for told in seen.values() for event in told.pop("acked")}
        for name, told in seen.items():
            came_back = (told["connected"] - STAYERS - CHURNERS) / SECONDS
            figures = {k: round(v, 4) if isinstance(v, float) else v for k, v in told.items()}
            log.info("%s: %d came back a second; %s", name, came_back, figures)
        log.info("memory in MiB: %d before, %d behind it, %d at most", calm >> 20, after >> 20, most >> 20)
        log.info("%d events acknowledged; the hub: %s", len(acked), status["hub"])

        for told in seen.values():
            assert told.get("dropped", 0) == told["missing"] == told["unanswered"] == 0, told
            assert told["connected"] > STAYERS + CHURNERS
        stored = [event["id"] for event in daemon.events()]
        assert len(stored) == len(set(stored)) == status["events"]["accepted"]
        assert acked <= set(stored)
        # Whoever went did not hear of the others.
        published, abandoned = (sum(told[count] for told in seen.values()) for count in ("published", "abandoned"))
        assert len(acked) + abandoned == published >= len(stored)
        assert daemon.status()["imbalances"] == []
        assert most < EACH * 2 * (STAYERS + CHURNERS) + BESIDE
        stack.close()
        until(lambda: descriptors(pid) <= before + 2, timeout=20.0, what="all descriptors to be closed")
        daemon.kill()
