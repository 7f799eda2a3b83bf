"""Ready, or why not."""

from __future__ import annotations

from eventd.observe.health import Health


def test_only_checks_that_complain_are_told() -> None:
    health = Health()
    assert health.reasons() == []
    health.add(lambda: None)
    health.add(lambda: "the journal cannot be written")
    assert health.reasons() == ["the journal cannot be written"]
