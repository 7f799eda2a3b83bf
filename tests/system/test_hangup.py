"""SIGHUP, which some send to make a daemon read its configuration again, does not end it."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.support.daemon import DaemonProcess
from tests.support.wait import until


def test_sighup_is_told_and_changes_nothing(directory: Path) -> None:
    with DaemonProcess(directory) as daemon:
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: "SIGHUP changes nothing" in daemon.tail(), what="the daemon to tell of SIGHUP")
        assert daemon.ready()
        assert daemon.stop() == 0
