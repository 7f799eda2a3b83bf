"""What all tests share: settings of hypothesis, and fixtures for things outside the project."""

from __future__ import annotations

import gc
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from eventd import systemd
from tests.support.webhooks import webhooks

ROOT = pathlib.Path(__file__).resolve().parent.parent

# deadline=None: two cores shared with servers and fsyncs say nothing about one example's speed.
# derandomize: a run of the suite tells about the change under test, not about luck; "explore" looks for more.
settings.register_profile("suite", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("EVENTD_TEST_PROFILE", "suite"))


@pytest.fixture(scope="session")
def root() -> pathlib.Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def github_webhooks() -> list[dict[str, Any]]:
    """Real webhooks of GitHub: ``event`` is the webhook's name, ``payload`` its body."""
    return webhooks()


@pytest.fixture(scope="session")
def node_modules() -> pathlib.Path:
    """Where the clients that run on node are: ``tests/needs.sh`` installs them."""
    path = ROOT / "build" / "node" / "node_modules"
    if not shutil.which("node") or not path.is_dir():
        pytest.skip("node or its clients are not installed: make needs")
    return path


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What a daemon tells the service manager; what it sets for its process's garbage is undone."""
    fields: list[dict[str, Any]] = []
    monkeypatch.setattr(systemd, "notify", lambda **given: fields.append(given))
    threshold = gc.get_threshold()
    yield fields
    gc.unfreeze()
    gc.set_threshold(*threshold)
