"""One daemon for the tests that only talk to it; a fresh one where a test needs its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import DaemonProcess

ARCHIVE = """
[handler:jsonl]
enabled = yes
directory = {directory}/archive
"""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """A running daemon whose ``jsonl`` handler archives everything."""
    with DaemonProcess(tmp_path_factory.mktemp("eventd"), ARCHIVE) as running:
        yield running


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A place for a daemon of one's own."""
    return tmp_path
