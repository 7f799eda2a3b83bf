"""``python -m eventd`` is the ``eventd`` command."""

from __future__ import annotations

from eventd.cli import main

if __name__ == "__main__":
    main(prog_name="eventd")
