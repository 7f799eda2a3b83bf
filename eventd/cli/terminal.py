"""Text of others on a terminal."""

from __future__ import annotations

__all__ = ["safe", "safe_lines"]


def safe(value: object) -> str:
    """Text that cannot steer a terminal: what a sender wrote is shown, never obeyed."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in str(value))


def safe_lines(text: str) -> list[str]:
    """The lines of a text, each of them safe."""
    return [safe(line) for line in text.split("\n")]
