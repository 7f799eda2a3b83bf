"""eventd check."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from eventd.plugin import registry

Eventd = Callable[..., Result]


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
