"""The page is whole and asks only its own daemon."""

from __future__ import annotations

import re

from eventd.observe.page import page


def test_the_page_needs_nothing_from_elsewhere() -> None:
    html = page().decode()
    assert html.startswith("<!doctype html>")
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", html)
    assert "/api/v1/status" in html
