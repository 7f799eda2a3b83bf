"""The tree of errors: whose fault it is, the code for the wire, and a hint.

An error is raised where it is found and answered where the other side can hear it;
each class carries the answer of every protocol, so that no listener has to ask
what kind of error it holds.

    EventdError
    ├── ConfigurationError      the operator's: every fault at once, exit code 78
    ├── PluginError             the plugin author's: told, and the rest runs
    ├── ClientError             the sender's: trying the same again is of no use
    │   ├── MalformedInput          not the protocol or the format it claims to be
    │   ├── InvalidEvent            a readable event that breaks a rule
    │   ├── UnsupportedFormat       a media type, subprotocol or compression we lack
    │   ├── TooLarge                over a limit in bytes, events or depth
    │   ├── TooSlow                 over a limit in time
    │   ├── NotAllowed              a signature or a right is missing
    │   ├── NotFound                no such route or thing
    │   ├── InvalidSubscription     what is asked of a subscription cannot be had
    │   └── RateLimited             trying again later helps
    ├── Superseded              a consumer's outcome that the journal has gone past
    └── Unavailable             ours: trying again later helps
        ├── JournalUnavailable      the disk is full, read-only or failing
        └── Stopping                the daemon is going down
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

__all__ = [
    "ClientError",
    "ConfigurationError",
    "EventdError",
    "Fault",
    "InvalidEvent",
    "InvalidSubscription",
    "JournalUnavailable",
    "MalformedInput",
    "NotAllowed",
    "NotFound",
    "PluginError",
    "RateLimited",
    "Stopping",
    "Superseded",
    "TooLarge",
    "TooSlow",
    "Unavailable",
    "UnsupportedFormat",
]


class EventdError(Exception):
    """Base of all errors that eventd raises on purpose.

    ``reason`` is the value of the ``reason`` label under which it is counted: a
    short slug from a fixed set, so that what a sender writes never becomes a label.
    """

    reason: str = "internal"
    #: Answer of an HTTP listener (RFC 9110 section 15).
    http_status: ClassVar[int] = 500
    #: Answer of a WebSocket listener (RFC 6455 section 7.4.1).
    close_code: ClassVar[int] = 1011
    #: Seconds after which trying again may help; ``None`` where it does not.
    retry_after: float | None = None

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        reason: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if reason is not None:
            self.reason = reason
        if retry_after is not None:
            self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class Fault(NamedTuple):
    """One thing wrong in the configuration, and where."""

    message: str
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        if self.file is None:
            return self.message
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


class ConfigurationError(EventdError):
    """The configuration cannot be used; ``faults`` has everything that is wrong."""

    reason = "configuration"

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class PluginError(EventdError):
    """A plugin cannot be loaded, checked, built or started."""

    reason = "plugin"


class ClientError(EventdError):
    """The sender is wrong; the same input would be refused again."""

    reason = "client"
    http_status = 400
    close_code = 1008


class MalformedInput(ClientError):
    """The bytes are not what the protocol or the format says they are."""

    reason = "malformed"
    close_code = 1007


class InvalidEvent(ClientError):
    """An event breaks a rule of CloudEvents or of its type's payload schema.

    ``attribute`` names what is wrong (``id``, ``data.celsius``), ``index`` which
    event of a batch it is, from 0; ``events`` is how many events are refused with it.
    """

    reason = "invalid_event"
    events = 1
    #: Characters of ``attribute`` that are told: a sender may have made it megabytes long.
    MOST_TOLD: ClassVar[int] = 256

    def __init__(self, message: str, *, attribute: str = "", index: int = 0, reason: str | None = None) -> None:
        super().__init__(message, reason=reason)
        self.attribute = attribute if len(attribute) <= self.MOST_TOLD else attribute[: self.MOST_TOLD] + "…"
        self.index = index

    def __str__(self) -> str:
        told = f"{self.attribute}: {self.message}" if self.attribute else self.message
        return f"event {self.index} of {self.events}: {told}" if self.events > 1 else told


class UnsupportedFormat(ClientError):
    """A media type, subprotocol or compression that eventd does not speak."""

    reason = "unsupported"
    http_status = 415
    close_code = 1003


class TooLarge(ClientError):
    """More bytes, events or nesting than the limits allow."""

    reason = "too_large"
    http_status = 413
    close_code = 1009


class TooSlow(ClientError):
    """The sender did not finish in time."""

    reason = "too_slow"
    http_status = 408


class NotAllowed(ClientError):
    """A signature is wrong or a right is missing."""

    reason = "not_allowed"
    http_status = 403


class NotFound(ClientError):
    """No such route or thing."""

    reason = "not_found"
    http_status = 404


class InvalidSubscription(ClientError):
    """A pattern, a filter, a place or a name of a subscription cannot be had; the connection goes on."""

    reason = "invalid_subscription"


class RateLimited(ClientError):
    """The sender is over its rate."""

    reason = "rate_limited"
    http_status = 429
    close_code = 1013
    retry_after = 1.0


class Superseded(EventdError):
    """A consumer's unit does not follow its durable record: one before it was refused, or somebody moved it."""

    reason = "superseded"


class Unavailable(EventdError):
    """eventd cannot take it now; the sender keeps it and tries again."""

    reason = "unavailable"
    http_status = 503
    close_code = 1013
    retry_after = 1.0


class JournalUnavailable(Unavailable):
    """The journal cannot be written: nothing is acknowledged until it can."""

    reason = "journal_unavailable"
    retry_after = 5.0


class Stopping(Unavailable):
    """The daemon is going down."""

    reason = "stopping"
    close_code = 1001
