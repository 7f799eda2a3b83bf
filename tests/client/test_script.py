"""The module for browsers comes with the package."""

from __future__ import annotations

from eventd.client.script import script


def test_it_is_an_es_module_with_a_client():
    assert b"export class Client" in script()
