"""How much one sender may ask for in one piece.

Made once by the daemon from the ``[limits]`` section and shared by all sessions. Limits
over time and over many connections are not here: ``eventd.listen`` keeps those.
"""

from __future__ import annotations

import msgspec

__all__ = ["UNLIMITED", "Limits"]

#: Stands for no limit: more than any machine has, and small enough for C libraries.
UNLIMITED = 1 << 60


class Limits(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Bounds in bytes and events; what is over one is refused as ``TooLarge``. 0 is no limit."""

    #: One WebSocket message, HTTP body or Forward frame, as received. The CloudEvents
    #: specification asks for 64 KiB at least; a full Forward chunk has 8 MiB.
    message_size: int = 16 * 1024 * 1024
    #: The same after it was inflated: a bomb stops here and not at the end of memory.
    decompressed_size: int = 64 * 1024 * 1024
    #: Events of one publish, one HTTP batch or one Forward frame.
    batch_events: int = 100_000
    #: Request line and headers of one HTTP request.
    header_size: int = 64 * 1024

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if not getattr(self, name):
                msgspec.structs.force_setattr(self, name, UNLIMITED)
