"""One connection: its stream, its deadlines, and the acks that it still owes."""

from __future__ import annotations

import time
from typing import ClassVar

from eventd.errors import EventdError, TooSlow
from eventd.event import Draft
from eventd.green import Signal, Stream, give_way
from eventd.listen.door import Door
from eventd.listen.rates import Allowance

__all__ = ["Connection"]

#: Seconds for which a closing connection waits until its last acks are durable and written.
FAREWELL = 10.0
#: Seconds for a peer that is refused to read why, and to stop sending: after that it is cut.
LINGER = 2.0


class Connection:
    """Base of what a connection's green thread runs; a subclass speaks one protocol.

    Only the green thread that called ``run`` closes the stream; others ``abort``.
    """

    __slots__ = (
        "_dismissed", "_held", "_late", "_rest", "_resting", "_settled", "_taking", "allowance", "door", "started",
        "stream", "unacknowledged",
    )  # fmt: skip

    #: How long, of the door's times, a message may take to come in whole.
    patience: ClassVar[str] = "idle_timeout"

    def __init__(self, door: Door, stream: Stream) -> None:
        self.door = door
        self.stream = stream
        #: What it may send; ``None`` where nothing is limited.
        self.allowance: Allowance | None = None
        #: Drafts handed to ingest whose outcome is not known yet.
        self.unacknowledged = 0
        #: When the first byte of an unfinished message came (monotonic seconds), 0 where there is none.
        self.started = 0.0
        #: Bytes that the unfinished message holds.
        self._held = 0
        self._settled: Signal | None = None
        #: Seconds for which it is not to be read, and what wakes it sooner while that time passes.
        self._rest = 0.0
        self._resting: Signal | None = None
        #: Whether it takes apart what came: that may take a while, and is not held against the peer.
        self._taking = False
        self._late: EventdError | None = None
        self._dismissed = False
        stream.over = self.overrun

    def serve(self, data: bytes = b"") -> None:
        """Read until the peer goes, then see to it that it has its acks.

        :param data: what was read already.
        """
        try:
            while data := data or self.stream.recv():
                self._taking = True
                self.receive(data)
                self._taking = False
                data = b""
                if self.finished:
                    break
                if self._rest or not self.door.open.is_set():
                    self._hold()
            if self._late is not None:
                raise self._late
            self.farewell()
        except EventdError as error:
            self.refuse(error)
        finally:
            # The stream and its connection hold each other: without this they wait for the collector.
            self.stream.over = None
            self.door.room.change(self._held, 0)
            self._held = 0

    def receive(self, data: bytes) -> None:
        """Take bytes that arrived."""
        raise AssertionError("a protocol's connection reads its own bytes")

    @property
    def finished(self) -> bool:
        """Whether the protocol says that nothing more is to be read."""
        return self.leaving

    @property
    def leaving(self) -> bool:
        """Whether it ends since the daemon does."""
        return self._dismissed or self.door.stopping

    @property
    def subscribed(self) -> bool:
        """Whether it is sent events, for which its client's window is the bound, and not only answers."""
        return False

    @property
    def idle_timeout(self) -> float:
        """Seconds for which nothing may come; 0 is no limit."""
        return self.door.idle_timeout

    def refuse(self, error: EventdError) -> None:
        """Tell the peer, behind the acks of what came before, why it loses the connection."""
        self.door.refuse(error, self.stream.peer)
        self.await_acks()
        self.stream.write(self.last_words(error))
        self.stream.linger(LINGER)

    def last_words(self, error: EventdError) -> bytes:
        """What the protocol says before it closes for ``error``."""
        return b""

    def begin(self, partial: bool, held: int = 0) -> None:
        """Note whether an unfinished message waits for its rest, and what is held of it.

        :raises NoRoom: when all connections together hold too much.
        """
        if not partial:
            self.started = 0.0
        elif not self.started:
            self.started = time.monotonic()
        if held != self._held:
            before, self._held = self._held, held
            self.door.room.change(before, held)

    def grown(self, size: int) -> None:
        """Note that a message which is inflated has come to ``size`` bytes; others have their turn meanwhile.

        :raises NoRoom: when all connections together hold too much.
        """
        self.begin(True, size)
        give_way()

    def admit(self, draft: Draft, id: bytes | None = None) -> None:
        """Let events pass whose sender can be told no.

        :param id: by which they are known when they are sent again.
        :raises RateLimited: when it sends more than it may; whoever calls counts them as refused.
        """
        if self.allowance is not None:
            self.allowance.ask(draft.count, len(draft.body), time.monotonic(), id)

    def spend(self, draft: Draft) -> None:
        """Let events pass whose sender cannot be told no: when it sends more than it may, it is read later."""
        if self.allowance is not None:
            self._rest = self.allowance.spend(draft.count, len(draft.body), time.monotonic())

    def settle(self) -> None:
        """One outcome less to wait for."""
        self.unacknowledged -= 1
        if not self.unacknowledged and self._settled is not None:
            self._settled.set()

    def await_acks(self) -> None:
        """Wait, within bounds, until what was read is durable, where somebody is there to hear of it."""
        if self.unacknowledged and not self.stream.closed:
            self._settled = Signal()
            self._settled.wait(FAREWELL)

    def farewell(self) -> None:
        """Let the peer have its last acks."""
        self.await_acks()
        self.stream.drain(FAREWELL)

    def late(self, now: float) -> TooSlow | None:
        """Say which time limit has passed, if one has; none passes while the door does not read.

        :param now: monotonic seconds.
        """
        if self._taking or self._resting is not None or not self.door.open.is_set():
            return None
        limit: float = getattr(self.door, self.patience)
        if limit and self.started and now - self.started > limit:
            return TooSlow(f"a message was not complete after {limit:g} s", reason="slow_message")
        idle = self.idle_timeout
        if idle and not self.unacknowledged and now - self.stream.last_read > idle:
            return TooSlow(f"nothing came for {idle:g} s", reason="slow_message" if self.started else "idle")
        return None

    def end(self, error: EventdError) -> None:
        """Have the connection's own green thread refuse its peer, and close."""
        self._late = error
        self._stop_reading()

    def dismiss(self) -> None:
        """Have its own green thread finish what it has read, say goodbye, and end."""
        self._dismissed = True
        self._stop_reading()

    def overrun(self) -> None:
        """Cut the connection of a peer that sends and never reads its acks: they must not fill the memory."""
        if self._late is None:
            self._late = TooSlow(f"{self.stream.buffered} bytes of acks were not read", reason="slow_reader")
            self.stream.abort()

    def _stop_reading(self) -> None:
        self.stream.end_input()
        if self._resting is not None:
            self._resting.set()

    def _hold(self) -> None:
        """Leave the rest to the kernel until it may send more and the door opens; that is not held against the peer."""
        if self._rest:
            self._resting = Signal()
            self._resting.wait(self._rest)
            self._resting, self._rest = None, 0.0
        self.door.open.wait()
        self.stream.last_read = now = time.monotonic()
        if self.started:
            self.started = now
