"""A message for many: one frame for all that take it alike."""

from __future__ import annotations

import pytest

from eventd.protocol import shared
from eventd.protocol.framing import message_frame
from eventd.protocol.shared import SharedMessage


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("deflate", [0, 9, 12, 15])
@pytest.mark.parametrize("size", [0, 10, 100_000])
def test_its_frame_is_that_of_the_message(size: int, deflate: int, text: bool) -> None:
    message = SharedMessage(b"x" * size, text)

    assert message.frame(deflate) == message_frame(b"x" * size, text, deflate)
    assert (message.data, message.text) == (b"x" * size, text)


def test_each_way_to_take_it_is_framed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    framed: list[int] = []

    def counted(data: bytes, text: bool, deflate: int) -> bytes:
        framed.append(deflate)
        return message_frame(data, text, deflate)

    monkeypatch.setattr(shared, "message_frame", counted)
    message = SharedMessage(b"x" * 1000, text=True)
    first, other = message.frame(12), message.frame(0)

    assert first != other
    assert message.frame(12) is first
    assert message.frame(0) is other
    assert framed == [12, 0]
