"""Values that stand elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventd.config import secrets


def test_a_file_without_its_line_end(tmp_path: Path) -> None:
    file = tmp_path / "s"
    file.write_text("hunter2\n")

    assert secrets.resolve(f"file:{file}") == "hunter2"


def test_a_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hook").write_text("hunter2")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    assert secrets.resolve("credential:hook") == "hunter2"


@pytest.mark.parametrize("text", ["plain", "file:///a/url", "profile:x", ""])
def test_anything_else_is_the_value(text: str) -> None:
    assert secrets.resolve(text) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file:relative", "absolute path"),
        ("file:/no/such", "No such file"),
        ("credential:../passwd", "no slash"),
        ("credential:", "no slash"),
        ("credential:none", "No such file"),
    ],
)
def test_what_cannot_be_read(text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    with pytest.raises(ValueError, match=message):
        secrets.resolve(text)


def test_a_credential_outside_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)

    with pytest.raises(ValueError, match="LoadCredential=hook:PATH"):
        secrets.resolve("credential:hook")


def test_the_message_does_not_tell_the_content(tmp_path: Path) -> None:
    file = tmp_path / "s"
    file.write_bytes(b"\xff hunter2")

    with pytest.raises(ValueError) as caught:
        secrets.resolve(f"file:{file}")
    assert "hunter2" not in str(caught.value)


def test_keys_of_secrets() -> None:
    assert secrets.looks_secret("secret")
    assert secrets.looks_secret("api_token")
    assert not secrets.looks_secret("directory")
