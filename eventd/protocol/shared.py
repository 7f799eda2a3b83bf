"""One WebSocket message for many connections: framed, and compressed, once for all that take it alike."""

from __future__ import annotations

from eventd.protocol.framing import message_frame

__all__ = ["SharedMessage"]


class SharedMessage:
    """A whole message.

    :param text: whether it is a text message, else a binary one.
    """

    __slots__ = ("_frames", "data", "text")

    def __init__(self, data: bytes, text: bool) -> None:
        self.data = data
        self.text = text
        self._frames: dict[int, bytes] = {}

    def frame(self, deflate: int) -> bytes:
        """Its frame; ``deflate`` is the window of our compression in bits, 0 where it was not negotiated."""
        frame = self._frames.get(deflate)
        if frame is None:
            frame = self._frames[deflate] = message_frame(self.data, self.text, deflate)
        return frame
