"""The contract is what plugin authors build on: names, defaults, no-op methods."""

from __future__ import annotations

import pytest

from eventd.event import Batch
from eventd.plugin import contract


def test_the_optional_methods_do_nothing() -> None:
    handler, webhook, source = contract.Handler(), contract.Webhook(), contract.Source()

    for method in (handler.start, handler.stop, webhook.start, webhook.stop, source.stop):
        assert method() is None  # type: ignore[func-returns-value]  # that is the point


def test_the_methods_that_a_plugin_is_for_must_be_written() -> None:
    with pytest.raises(NotImplementedError):
        contract.Handler().handle(Batch.of([]))
    with pytest.raises(NotImplementedError):
        contract.Source().run(None)  # type: ignore[arg-type]  # never looked at
    with pytest.raises(NotImplementedError):
        contract.Webhook().receive(None, None)  # type: ignore[arg-type]  # never looked at


def test_retry_and_reject_say_why() -> None:
    assert str(contract.Retry()) == "the handler asked to try again"
    assert contract.Retry(2.5, "busy").after == 2.5
    assert str(contract.Reject("no sensor")) == "no sensor"


def test_every_public_name_exists_and_is_documented() -> None:
    for name in contract.__all__:
        assert getattr(contract, name).__doc__
