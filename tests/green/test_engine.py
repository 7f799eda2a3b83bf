from __future__ import annotations

import subprocess
import sys

from eventd.green import engine


def in_a_fresh_interpreter(code: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_the_import_is_quiet_even_where_warnings_are_errors():
    assert in_a_fresh_interpreter("import eventd.green; print('quiet')") == "quiet\n"


def test_nothing_is_patched_and_the_slow_resolver_is_not_loaded():
    code = (
        "import eventd.green, sys, time, socket;"
        "print(time.sleep.__module__, socket.socket.__module__, 'dns' in sys.modules)"
    )

    assert in_a_fresh_interpreter(code) == "time socket False\n"


def test_what_is_declared_exists():
    for name in engine.__all__:
        assert hasattr(engine, name), name
