"""One connected socket, read and written by green threads.

Reading belongs to one green thread, the owner; anyone on the hub may write. While nobody is
in ``recv``, nothing is read: the kernel's buffer fills and the peer is held back. An idle
stream has no buffer and no timer; deadlines are the listener's work. It knows no protocol.

A peer that sends without pause gets its turn and no more: what is read at once grows while
its owner is quick to be done with it, and shrinks where that takes longer than a turn.
"""

from __future__ import annotations

import logging
import select
import socket
from time import perf_counter

from eventd.green.engine import getcurrent, greenlet
from eventd.green.waiting import stand_back
from eventd.green.watch import WRITABLE, Watch
from eventd.green.writer import WRITE_LIMIT, Writer

__all__ = ["READ_SIZE", "Stream", "peer_name"]

log = logging.getLogger(__name__)

#: Bytes taken in one read: most messages that wait come with one system call.
READ_SIZE = 262_144
#: Bytes of the first read, before it is known what they cost; and of one whose bytes cost the most.
FIRST_READ, LEAST_READ = 4_096, 512
#: What may be reported besides readiness to write: data, the end, an error.
_INPUT = ~select.EPOLLOUT

# Every read on the hub goes through this one buffer: only what came is ever allocated.
_scratch = bytearray(READ_SIZE)
_view = memoryview(_scratch)


class Stream(Writer):
    """A connected, non-blocking stdlib socket, TCP or unix.

    :param read_size: at most this many bytes from one ``recv``.
    :param write_limit: ``over`` is called when more bytes than this wait to be sent.
    """

    __slots__ = ("_count", "_ended", "_maybe_more", "_most", "_read_size", "_reader", "last_read")

    def __init__(self, sock: socket.socket, *, read_size: int = READ_SIZE, write_limit: int = WRITE_LIMIT) -> None:
        super().__init__(sock, write_limit)
        self._most = min(read_size, READ_SIZE)
        #: Bytes of the next read at most, and of the last one.
        self._read_size, self._count = min(FIRST_READ, self._most), 0
        #: When bytes came last, on the clock of ``time.monotonic``; at first, when it was made.
        self.last_read = perf_counter()
        self._reader: greenlet | None = None
        #: ``recv`` gives nothing any more.
        self._ended = False
        #: The kernel may have bytes that it has not told of.
        self._maybe_more = True

    # What it is.

    @property
    def closed(self) -> bool:
        """Whether it was closed, aborted or lost: what is written is thrown away."""
        return self.broken

    @property
    def waiting(self) -> bool:
        """Whether its owner waits for bytes."""
        return self._reader is not None

    @property
    def peer(self) -> str:
        """The other side's address, as text."""
        return peer_name(self._socket)

    def fileno(self) -> int:
        """The descriptor, -1 when closed."""
        return self._socket.fileno()

    # Reading.

    def recv(self) -> bytes:
        """Wait for bytes and return them; ``b""`` at the end, after a reset and after ``abort``."""
        return self._take()

    def _take(self) -> bytes:
        if self._count:
            self._end_turn()
        while not self._ended:
            if not self._maybe_more:
                self._await_readable()
                # Woken by a byte, or because it is over.
                self._maybe_more = True
            elif (data := self._read()) is not None:
                return data
        return b""

    def _read(self) -> bytes | None:
        try:
            count = self._socket.recv_into(_scratch, self._read_size)
        except BlockingIOError:
            self._maybe_more = False
            return None
        except OSError:
            self._ended = True
            return b""
        if not count:
            self._ended = True
            return b""
        data = bytes(_view[:count])
        self.last_read = perf_counter()
        self._count = count
        # Where the buffer is not full, the kernel had no more a moment ago; epoll tells when it has.
        self._maybe_more = count == self._read_size
        return data

    def _end_turn(self) -> None:
        """Learn what the bytes of the last read cost, and let others have their turn behind a long one."""
        held, turn, count, self._count = self._hub.held, self._hub.turn, self._count, 0
        if held > turn:
            self._read_size = max(min(LEAST_READ, self._most), int(count * turn / held))
            if self._maybe_more:
                stand_back()
        elif held < turn / 4 and count == self._read_size:
            self._read_size = min(2 * count, self._most)

    def _await_readable(self) -> None:
        if self._reader is not None:
            raise RuntimeError("two green threads read from one stream")
        current = getcurrent()
        watch = self._armed()
        watch.label = getattr(current, "name", None)
        self._reader = current
        try:
            self._hub.park()
        finally:
            self._reader = None

    def _armed(self) -> Watch:
        watch = self._watch
        if watch is None:
            watch = self._watch = self._hub.watch(self._socket.fileno(), self._ready, True, bool(self._head))
        else:
            watch.want(True, bool(self._head))
        return watch

    def _ready(self, events: int) -> None:
        if events & WRITABLE and self._head:
            self._flush()
        if not events & _INPUT:
            return
        reader = self._reader
        if reader is not None:
            self._hub.turns.met = self._hub.now
            reader.switch()
        elif self._watch is not None:
            # Nobody takes it now: be told again when somebody does.
            self._maybe_more = True
            self._watch.want(False, bool(self._head))

    # Ending.

    def end_input(self) -> None:
        """Read no more: the owner's ``recv`` returns ``b""``. What is written is still sent."""
        self._ended = True
        self._hub.call_soon(self._wake_reader)

    def abort(self) -> None:
        """Cut the connection, from any green thread or callback: the owner's ``recv`` returns ``b""``.

        The owner still has to ``close``.
        """
        if not (self.broken and self._ended):
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                # Reset or closed already: there is nobody to tell.
                log.debug("abort of a connection that is gone")
            self._lose()

    def close(self) -> None:
        """Send what can be sent without waiting, and close. Only the owner calls it."""
        if self._socket.fileno() < 0:
            return
        if self.buffered:
            self._flush()
        self._lose()
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        self._socket.close()

    def linger(self, timeout: float) -> None:
        """End the output and throw away the input until the peer closes, at most ``timeout`` seconds.

        For an answer to a peer that is still sending: closing at once would reset the
        connection, and the peer might never read the answer.
        """
        self.drain(timeout)
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return
        timer = self._hub.call_later(timeout, self.abort)
        try:
            while self._take():
                pass
        finally:
            timer.cancel()

    def _release(self) -> socket.socket:
        """Give the socket away."""
        if self._watch is not None:
            self._watch.close()
        self.broken = self._ended = True
        return self._socket

    def _lose(self) -> None:
        self._ended = True
        self._lose_output()
        if self._watch is not None:
            self._watch.want(False, False)
        if self._reader is not None:
            self._hub.call_soon(self._wake_reader)

    def _wake_reader(self) -> None:
        if self._reader is not None:
            self._reader.switch()


def peer_name(sock: socket.socket) -> str:
    """The other side's address as text; ``unix`` for a unix socket, ``gone`` when there is none."""
    try:
        name = sock.getpeername()
    except OSError:
        return "gone"
    if not isinstance(name, tuple):
        return "unix"
    return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"
