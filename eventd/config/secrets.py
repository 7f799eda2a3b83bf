"""Values that stand elsewhere: ``file:PATH`` and ``credential:NAME``.

They are read when a plugin gets its configuration, not when a file is parsed: the
commands of an ordinary user never need them. ``file://`` is a URL and left alone.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["is_reference", "looks_secret", "resolve"]

#: systemd names here the directory with what LoadCredential= gave the service.
_CREDENTIALS = "CREDENTIALS_DIRECTORY"
_SECRET_WORDS = ("secret", "password", "token", "credential")


def is_reference(text: str) -> bool:
    """Whether the value stands elsewhere."""
    return text.startswith("credential:") or (text.startswith("file:") and not text.startswith("file://"))


def looks_secret(key: str) -> bool:
    """Whether a value under this key should not be shown."""
    return any(word in key for word in _SECRET_WORDS)


def resolve(text: str) -> str:
    """The value itself, without the line end that editors put behind it.

    :raises ValueError: where it cannot be read; the message does not contain it.
    """
    if not is_reference(text):
        return text
    try:
        return _path(text).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ValueError(f"{text} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{text} is not UTF-8") from None


def _path(text: str) -> Path:
    kind, _, name = text.partition(":")
    if kind == "file":
        if not name.startswith("/"):
            raise ValueError(f"{text} needs an absolute path: file:/etc/eventd/secret")
        return Path(name)
    directory = os.environ.get(_CREDENTIALS)
    if directory is None:
        raise ValueError(f"{text} needs systemd: LoadCredential={name}:PATH in the unit")
    if not name or name in (".", "..") or "/" in name:
        raise ValueError(f"{text}: the name of a credential has no slash")
    return Path(directory, name)
