"""The settings of listeners and limits."""

from __future__ import annotations

import pytest

from eventd.config.settings_network import DEFAULT_BIND, LIMITS, LISTENER
from eventd.config.values import ADDRESS


def test_every_protocol_has_an_address_and_can_be_chosen() -> None:
    protocol = LISTENER.setting("protocol")

    assert protocol is not None
    for name, address in DEFAULT_BIND.items():
        assert protocol.kind.parse(name) == name
        assert ADDRESS.parse(address) == address


@pytest.mark.parametrize(
    "key",
    [
        "message_size",
        "header_size",
        "batch_events",
        "decompressed_size",
        "handshake_timeout",
        "subscriptions",
        "subscription_window",
        "durable_subscriptions",
    ],
)
def test_what_a_client_may_cost_is_bounded_by_default(key: str) -> None:
    setting = LIMITS.setting(key)

    assert setting is not None
    assert setting.kind.parse(setting.default or "0")


@pytest.mark.parametrize(
    "key, text, value",
    [("subscriptions", "5", 5), ("subscription_window", "64K", 65_536), ("durable_subscriptions", "0", 0)],
)
def test_what_subscriptions_may_cost_can_be_said(key: str, text: str, value: int) -> None:
    setting = LIMITS.setting(key)

    assert setting is not None
    assert setting.kind.parse(text) == value
    with pytest.raises(ValueError):
        setting.kind.parse("many")
