"""What a client asks in the native protocol beside publishing: read and checked for its form.

Whether a pattern, a filter or a place makes sense is not known here. A request with an
``id`` whose fields are of the wrong kind is ``Declined`` and the connection goes on; what
has no ``id`` to answer to is malformed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw

from eventd.errors import ClientError, InvalidSubscription, MalformedInput, TooLarge

__all__ = ["Ask", "AskReader", "Credit", "Declined", "Presence", "Settle", "Subscribe", "Unsubscribe"]

#: Characters of a pattern, and of the name of a durable subscription.
MOST_PATTERN, MOST_NAME = 512, 128
#: Characters of the place where a subscription begins.
MOST_PLACE = 64
#: Patterns of one subscription, and tokens of one of them: each token is a place in the routers' trees.
MOST_PATTERNS, MOST_TOKENS = 32, 16
#: Bytes of one message: an empty list is a byte in it, and seventy in memory.
MOST_BYTES = 256 * 1024
#: Characters of what is wrong with a message that are told: they may quote what a client wrote.
MOST_TOLD = 200
#: More events than anyone can send: numbers beyond it are not exact everywhere.
MOST = 1 << 53

Pattern = Annotated[str, Meta(min_length=1, max_length=MOST_PATTERN)]
Patterns = Annotated[list[Pattern], Meta(min_length=1, max_length=MOST_PATTERNS)]
#: The name becomes a label of metrics and stands in commands: no spaces, no quotes.
Name = Annotated[str, Meta(min_length=1, max_length=MOST_NAME, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")]
Count = Annotated[int, Meta(ge=0, le=MOST)]


class Subscribe(msgspec.Struct, rename={"start": "from"}):
    """A subscription is asked for."""

    types: Patterns
    id: Raw = Raw()
    filters: list[Any] | None = None
    # Bounds on one member of a union are mixed up with the other's by msgspec (seen in 0.22), to the point of crashing.
    start: int | str = "now"
    epoch: str | None = None
    credit: Count | None = None
    name: Name | None = None

    def __post_init__(self) -> None:
        _check_tokens(self.types)
        if len(self.start) > MOST_PLACE if isinstance(self.start, str) else not 0 <= self.start <= MOST:
            raise ValueError("`from` is no place")


class Unsubscribe(msgspec.Struct):
    """A subscription is to end."""

    sid: int
    id: Raw = Raw()


class Presence(msgspec.Struct):
    """Who is subscribed to types that one of these patterns could match?"""

    types: Patterns
    id: Raw = Raw()

    def __post_init__(self) -> None:
        _check_tokens(self.types)


class Credit(msgspec.Struct):
    """``n`` more events may come."""

    sid: int
    n: Annotated[int, Meta(ge=1, le=MOST)]


class Settle(msgspec.Struct):
    """What became of events of a durable subscription: offsets, and pairs of the first and the last."""

    sid: int
    # Without bounds, as ``Subscribe.start`` is: with them, msgspec crashes here.
    offsets: list[int | tuple[int, int]]
    outcome: Literal["done", "retry", "reject"] = "done"
    after: float | None = None

    def __post_init__(self) -> None:
        if self.after is not None and not 0 <= self.after <= MOST:
            raise ValueError("`after` is no number of seconds")


def _check_tokens(types: list[str]) -> None:
    if any(pattern.count(".") >= MOST_TOKENS for pattern in types):
        raise ValueError(f"a pattern has more than {MOST_TOKENS} tokens")


Ask = Subscribe | Unsubscribe | Presence | Credit | Settle

_REQUESTS: dict[str, type[Ask]] = {"subscribe": Subscribe, "unsubscribe": Unsubscribe, "presence": Presence}
_TELLINGS: dict[str, type[Ask]] = {"credit": Credit, "settle": Settle}


class Declined(ClientError):
    """A request that is refused for ``error``; the connection goes on."""

    def __init__(self, id: bytes, error: ClientError) -> None:
        super().__init__(error.message, hint=error.hint, reason=error.reason)
        self.id = id
        self.error = error


class AskReader:
    """Reads what was asked, in one of the two encodings.

    :param module: ``msgspec.json`` or ``msgspec.msgpack``.
    """

    def __init__(self, module: Any) -> None:
        self._readers: dict[str, Callable[[bytes], Ask]] = {
            op: module.Decoder(kind).decode for op, kind in {**_REQUESTS, **_TELLINGS}.items()
        }

    def reads(self, op: str) -> bool:
        """Whether ``op`` is one of those that are read here."""
        return op in self._readers

    def read(self, op: str, id: bytes, data: bytes) -> Ask:
        """The fields of a message whose ``op`` and ``id`` are known.

        :raises Declined: when those of a request are of the wrong kind.
        :raises MalformedInput: when those of another message are. :raises TooLarge: when it is too long.
        """
        if len(data) > MOST_BYTES:
            raise TooLarge(f"{op}: a message of more than {MOST_BYTES} bytes")
        try:
            return self._readers[op](data)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            wrong = f"{op}: {error}"[:MOST_TOLD]
            if op in _REQUESTS:
                raise Declined(id, InvalidSubscription(wrong)) from error
            raise MalformedInput(wrong) from error
