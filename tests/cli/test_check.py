"""eventd check."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import Result

from eventd import Batch, Handler
from eventd.plugin import registry

Eventd = Callable[..., Result]


class Counts(Handler):
    """Counts."""

    types = ("a",)

    def handle(self, batch: Batch) -> None: ...


@pytest.fixture(autouse=True)
def _nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_installed", list)


def test_a_good_one(eventd: Eventd) -> None:
    result = eventd("check")

    assert result.exit_code == 0
    assert result.output == (
        "The configuration is good: 0 plugins; listeners: http at 0.0.0.0:8080, forward at 0.0.0.0:24224.\n"
    )


def test_faults_of_files_certificates_and_plugins_at_once(eventd: Eventd, config_file: Path) -> None:
    with config_file.open("a") as file:
        file.write("nodes = x\n[listener:http]\ntls_cert = /no/cert\ntls_key = /no/key\n[handler:nope]\nx = 1\n")

    result = eventd("check")

    assert result.exit_code == 78
    assert f"{config_file}:3: [eventd] has no nodes; did you mean node?" in result.output
    assert "[listener:http] tls_cert /no/cert with tls_key /no/key: No such file or directory" in result.output
    assert "handler:nope" in result.output
    assert f"{config_file}:7" in result.output


def test_a_client_ca_that_is_none(eventd: Eventd, config_file: Path) -> None:
    with config_file.open("a") as file:
        file.write(
            f"[listener:http]\ntls_cert = {config_file}\ntls_key = {config_file}\ntls_client_ca = {config_file}\n"
        )

    output = eventd("check").output

    assert output.count("eventd: [listener:http] tls_") == 2


@pytest.fixture
def _counts(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("cli_check_plugin")
    module.Counts = Counts  # type: ignore[attr-defined]  # what a package would have
    monkeypatch.setitem(sys.modules, "cli_check_plugin", module)
    entry = EntryPoint("it", "cli_check_plugin:Counts", "eventd.handlers")
    monkeypatch.setattr(registry, "_installed", lambda: [entry])


@pytest.mark.usefixtures("_counts")
@pytest.mark.parametrize("run", ["", "run = thread\n"])
def test_settings_for_workers_without_workers_are_told_and_not_wrong(
    eventd: Eventd, config_file: Path, run: str
) -> None:
    with config_file.open("a") as file:
        file.write(f"[handler:it]\nworkers = 2\nmemory_limit = 64M\npoison_limit = 5\n{run}")

    result = eventd("check")

    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        f"eventd: warning: {config_file}:{line}: [handler:it] {key} has no effect without run = process: "
        f"it runs in the daemon ({'thread' if run else 'green'})"
        for line, key in ((4, "workers"), (5, "memory_limit"))
    ]
    assert result.stdout.startswith("The configuration is good: 1 plugins;")


@pytest.mark.usefixtures("_counts")
@pytest.mark.parametrize(
    "text", ["run = process\nworkers = 2\nmemory_limit = 64M\n", "workers = 1\nmemory_limit = 0\n"]
)
def test_settings_with_effect_or_that_ask_for_nothing_are_not_told(
    eventd: Eventd, config_file: Path, text: str
) -> None:
    with config_file.open("a") as file:
        file.write(f"[handler:it]\n{text}")

    assert eventd("check").stderr == ""
