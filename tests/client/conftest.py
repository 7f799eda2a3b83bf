"""A server to talk to, and its certificate."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from tests.client.slow import SlowServer
from tests.client.world import World, contexts_in


@pytest.fixture
def world() -> Iterator[World]:
    """A server that is running."""
    with World() as running:
        yield running


@pytest.fixture(scope="session")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS for a server called localhost, and for its clients."""
    return contexts_in(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def slow() -> Iterator[SlowServer]:
    """A server that takes its time."""
    with SlowServer() as running:
        yield running
