"""Run one fuzz target under atheris: ``python -m tests.fuzz.fuzz fuzz_websocket [-runs=N] [corpus]``.

Only eventd itself is instrumented: the libraries under it have fuzzers of their own.
"""

from __future__ import annotations

import importlib
import sys


def main() -> None:
    """Fuzz until something is found that the target does not allow, or the arguments say enough."""
    import atheris  # type: ignore[import-not-found,unused-ignore]  # it has no wheel for every Python

    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["eventd"]):
        module = importlib.import_module(f"tests.fuzz.{name}")

    def run(data: bytes) -> None:
        try:
            module.target(data)
        except module.ALLOWED:
            pass

    atheris.Setup(sys.argv, run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
