"""``python -m eventd``."""

from __future__ import annotations

import subprocess
import sys


def test_it_is_the_eventd_command() -> None:
    done = subprocess.run([sys.executable, "-m", "eventd", "--help"], capture_output=True, text=True, check=True)

    assert done.stdout.startswith("Usage: eventd ")
