"""The daemon as a process: it runs until a signal ends it."""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from eventd import green
from eventd.config.options import Configuration
from eventd.daemon import Daemon
from eventd.errors import ConfigurationError
from eventd.plugin.registry import Registry
from eventd.service import main
from tests.plugin.support import configuration
from tests.support.wait import until

pytestmark = pytest.mark.usefixtures("told")

FREE = "[journal]\nfsync = no\n[listener:http]\nprotocol = http\nbind = 127.0.0.1:0\n"


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    monkeypatch.setattr(Registry, "load", lambda given: Registry(given))
    return configuration(tmp_path, FREE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_main_runs_until_a_signal_ends_it(
    options: Configuration, told: list[dict[str, Any]], number: signal.Signals
) -> None:
    def end() -> None:
        until(lambda: any("READY" in fields for fields in told), what="the daemon to be ready")
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=end)
    thread.start()
    assert main(options) == 0
    thread.join()
    assert [fields["STATUS"] for fields in told[-2:]] == ["telling clients to go", "finishing what was read"]


def test_a_signal_during_the_start_is_heeded_when_all_can_be_stopped(
    options: Configuration, told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    build = Daemon._build

    def signalled(daemon: Daemon) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        green.sleep(0.01)
        build(daemon)

    monkeypatch.setattr(Daemon, "_build", signalled)
    assert main(options) == 0
    assert [next(iter(fields)) for fields in told] == ["READY", "STOPPING", "STATUS"]


def test_main_passes_on_why_it_cannot_start(options: Configuration, told: list[dict[str, Any]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        options.listeners["second"] = type(options.listeners["http"])(protocol="http", bind=address)
        with pytest.raises(ConfigurationError, match="in use"):
            main(options)
