"""eventd run: it reads the configuration and hands it on."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable

import pytest
from click.testing import Result

from eventd.config import Configuration


def test_the_daemons_exit_code_is_the_commands(eventd: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Configuration] = []
    daemon = types.ModuleType("eventd.service")

    def run(configuration: Configuration) -> int:
        given.append(configuration)
        return 3

    daemon.main = run  # type: ignore[attr-defined]  # a stand-in
    monkeypatch.setitem(sys.modules, "eventd.service", daemon)

    assert eventd("run", "-o", "eventd.node=x").exit_code == 3
    assert given[0].eventd.node == "x"


def test_a_wrong_configuration_starts_nothing(eventd: Callable[..., Result]) -> None:
    result = eventd("run", "-o", "eventd.log_level=loud")

    assert result.exit_code == 78
    assert "'loud' is none of" in result.output
