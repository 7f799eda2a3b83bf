"""WebSocket sessions against the client of ``websockets``, whole, cut anywhere, and hostile."""

from __future__ import annotations

import os
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from eventd.errors import ClientError, EventdError, MalformedInput, Stopping, TooLarge
from eventd.protocol.limits import Limits
from eventd.protocol.messages import Request
from eventd.protocol.websocket import Message, WebSocketSession, handshake

LIMITS = Limits(message_size=100_000)


def frame(opcode: int, data: bytes, *, fin: bool = True, mask: bool = True, rsv1: bool = False) -> bytes:
    return (
        Frame(Opcode(opcode), data, fin, rsv1).serialize(mask=mask, extensions=[])
        if not rsv1
        else _raw(0xC0 | opcode if fin else 0x40 | opcode, data)
    )


def _raw(first: int, data: bytes) -> bytes:
    """A masked frame of which anything can be wrong; the mask is zero."""
    if len(data) < 126:
        return bytes((first, 0x80 | len(data))) + bytes(4) + data
    return bytes((first, 0xFE)) + struct.pack("!H", len(data)) + bytes(4) + data


def deflated(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def session(deflate: int = 0, limits: Limits = LIMITS) -> WebSocketSession:
    return WebSocketSession("eventd.v1.json", deflate, limits)


def feed(session: WebSocketSession, data: bytes, step: int | None = None) -> tuple[list[Message], ClientError | None]:
    """Everything that ``data`` makes, fed whole or in steps."""
    messages: list[Message] = []
    step = step or len(data) or 1
    try:
        for start in range(0, len(data), step):
            messages.extend(session.receive(data[start : start + step]))
            if session.closed:
                break
    except ClientError as error:
        return messages, error
    return messages, None


def taken(session: WebSocketSession, data: bytes) -> list[Message]:
    """The messages before a fault, which raising must not lose."""
    messages: list[Message] = []
    try:
        for message in session.receive(data):
            messages.append(message)  # noqa: PERF402  extend() would lose them to the error
    except ClientError:
        return messages
    raise AssertionError("no fault was found")


def open_pair(deflate: bool, **terms: object) -> tuple[ClientProtocol, WebSocketSession]:
    extensions = [ClientPerMessageDeflateFactory(**terms)] if deflate else None  # type: ignore[arg-type]
    client = ClientProtocol(parse_uri("ws://h/x"), extensions=extensions, subprotocols=["eventd.v1.json"])  # type: ignore[list-item]
    asked = client.connect()
    client.send_request(asked)
    client.data_to_send()
    headers = [(name.lower(), value) for name, value in asked.headers.raw_items()]
    request = Request(method="GET", path="/x", target="/x", headers=headers)
    agreed = handshake(request, ["eventd.v1.json"])
    client.receive_data(agreed.response)
    client.events_received()
    assert client.state is State.OPEN
    return client, WebSocketSession(agreed.subprotocol, agreed.deflate, LIMITS)


MESSAGES = st.lists(
    st.tuples(
        st.one_of(st.text(max_size=300).map(str.encode), st.binary(max_size=300)),
        st.integers(1, 4),
        st.booleans(),
    ),
    max_size=6,
)


@given(MESSAGES, st.booleans(), st.integers(1, 50))
def test_messages_survive_fragments_compression_and_any_cut(
    messages: list[tuple[bytes, int, bool]], deflate: bool, step: int
) -> None:
    client, server = open_pair(deflate)
    expected = []
    for data, parts, pinged in messages:
        text = _is_text(data)
        expected.append(Message(text, data))
        size = -(-len(data) // parts) or 1
        pieces = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
        for number, piece in enumerate(pieces):
            fin = number == len(pieces) - 1
            if number:
                client.send_continuation(piece, fin)
            else:
                (client.send_text if text else client.send_binary)(piece, fin)
            if pinged:
                client.send_ping(b"alive?")
    sent = b"".join(client.data_to_send())
    assert feed(server, sent) == (expected, None)
    assert not server.partial
    assert feed(server, sent, step) == (expected, None)
    client.receive_data(server.data_to_send())
    assert all(pong.opcode is Opcode.PONG for pong in client.events_received())  # type: ignore[union-attr]
    assert client.state is State.OPEN


def _is_text(data: bytes) -> bool:
    try:
        return bool(data.decode()) or not data
    except UnicodeDecodeError:
        return False


@pytest.mark.parametrize("terms", [{}, {"server_max_window_bits": 9}, {"server_no_context_takeover": True}])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 511, 512, 65535, 65536, 99_000])
def test_a_client_reads_what_is_sent_at_every_length_of_the_header(size: int, terms: dict[str, object]) -> None:
    for deflate in (False, True):
        client, server = open_pair(deflate, **terms)
        for text, data in ((True, b"a" * size), (False, os.urandom(size))):
            client.receive_data(server.send(data, text))
            [received] = client.events_received()
            assert isinstance(received, Frame)
            assert (received.opcode, bytes(received.data)) == (Opcode.TEXT if text else Opcode.BINARY, data)


def test_compression_is_used_where_it_pays_only() -> None:
    assert len(session(12).send(b"a" * 600, text=True)) < 50
    assert len(session(12).send(b"a" * 511, text=True)) == 515
    assert len(session(0).send(b"a" * 600, text=True)) == 604


def test_a_ping_is_answered_with_its_payload_and_our_ping_is_a_frame() -> None:
    server = session()
    assert feed(server, frame(9, b"abc")) == ([], None)
    assert server.data_to_send() == b"\x8a\x03abc"
    assert server.data_to_send() == b""
    assert server.ping() == b"\x89\x00"
    assert feed(server, frame(10, b"")) == ([], None)


def test_a_ping_between_two_fragments_is_answered_at_once() -> None:
    server = session()
    assert feed(server, frame(1, b"a", fin=False) + frame(9, b"")) == ([], None)
    assert server.data_to_send() == b"\x8a\x00"
    assert server.partial
    assert feed(server, frame(0, b"b")) == ([Message(True, b"ab")], None)
    assert not server.partial


def test_the_clients_close_is_echoed_behind_the_last_answers() -> None:
    server = session()
    sent = frame(1, b"last") + Frame(Opcode.CLOSE, Close(1000, "done").serialize()).serialize(mask=True)
    received = server.receive(sent + b"ignored")
    assert next(received) == Message(True, b"last")
    assert not server.closed, "the message before the close frame has not been dealt with"
    assert [*received, server.closed] == [True]
    assert (server.close_code, server.close_reason) == (1000, "done")
    assert server.data_to_send() == b""
    assert server.farewell() == b"\x88\x06\x03\xe8done"
    assert server.farewell() == b""
    assert list(server.receive(frame(1, b"more"))) == []
    assert server.fail(Stopping("too late")) == b""


def test_a_close_without_a_code_is_one() -> None:
    server = session()
    assert feed(server, frame(8, b"")) == ([], None)
    assert (server.closed, server.close_code, server.farewell()) == (True, 1005, b"\x88\x00")


def test_closing_waits_for_the_echo_and_drops_what_comes_before_it() -> None:
    client, server = open_pair(deflate=False)
    client.send_text(b"crossed the close frame")
    client.receive_data(server.close(1001, "restart"))
    assert not server.closed
    assert server.close(1001, "again") == b""
    assert feed(server, b"".join(client.data_to_send())) == ([], None)
    assert (server.closed, server.close_code, server.farewell()) == (True, 1001, b"")
    assert not server.partial


def test_failing_tells_the_code_and_as_much_of_the_reason_as_fits() -> None:
    client, server = open_pair(deflate=False)
    client.receive_data(server.fail(Stopping("é" * 200)))
    assert client.close_rcvd is not None
    assert (client.close_rcvd.code, client.close_rcvd.reason) == (1001, "é" * 61)
    assert server.closed
    assert list(server.receive(frame(1, b"more"))) == []


def test_failing_in_the_middle_of_a_read_stops_it() -> None:
    server = session()
    received = iter(server.receive(frame(1, b"a") * 3))
    next(received)
    assert server.fail(MalformedInput("not what we speak"))[:4] == b"\x88\x13\x03\xef"
    assert list(received) == []


FAULTS = [
    ("not masked", frame(1, b"abc", mask=False), 1002),
    ("unknown opcode", _raw(0x83, b""), 1002),
    ("a reserved bit", _raw(0xA1, b"abc"), 1002),
    ("compressed, not negotiated", _raw(0xC1, deflated(b"abc")), 1002),
    ("a continuation of nothing", frame(0, b"abc"), 1002),
    ("a message within a message", frame(1, b"a", fin=False) + frame(1, b"b"), 1002),
    ("a fragmented ping", _raw(0x09, b""), 1002),
    ("a ping of 126 bytes", _raw(0x89, bytes(126)), 1002),
    ("a close frame of one byte", _raw(0x88, b"\x03"), 1002),
    ("a close code that is not one", _raw(0x88, b"\x00\x01"), 1002),
    ("a close reason that is not UTF-8", _raw(0x88, b"\x03\xe8\xff"), 1007),
    ("text that is not UTF-8", frame(1, b"\xff"), 1007),
    ("a lone surrogate", frame(1, b"\xed\xa0\x80"), 1007),
    ("text that is not UTF-8 over two fragments", frame(1, b"\xc3", fin=False) + frame(0, b"("), 1007),
    ("too large", b"\x81\xff" + (100_001).to_bytes(8, "big") + bytes(4), 1009),
    ("larger than memory", b"\x82\xff" + b"\x7f" + b"\xff" * 7 + bytes(4), 1009),
    ("fragments that are too large together", frame(1, b"a" * 60_000, fin=False) + frame(0, b"a" * 60_000), 1009),
]


@pytest.mark.parametrize(("data", "code"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
@pytest.mark.parametrize("step", [None, 1000, 1])
def test_bad_input_ends_the_session_with_its_code(data: bytes, code: int, step: int | None) -> None:
    server = session()
    messages, error = feed(server, frame(2, b"good") + data + frame(1, b"behind"), step)
    assert error is not None
    assert server.closed
    assert server.close_code == code
    assert server.fail(error)[2:4] == code.to_bytes(2, "big")
    assert isinstance(error, TooLarge if code == 1009 else MalformedInput)
    if step is not None:
        assert messages == [Message(False, b"good")]


def test_what_came_before_a_fault_in_the_same_read_is_not_lost() -> None:
    assert taken(session(), frame(1, b"good") + frame(1, b"\xff")) == [Message(True, b"good")]
    assert taken(session(), frame(1, b"good") + frame(0, b"bad")) == [Message(True, b"good")]
    assert taken(session(12), _raw(0xC1, deflated(b"good")) + frame(0, b"bad")) == [Message(True, b"good")]
    assert taken(session(), frame(1, b"go", fin=False) + frame(0, b"od") + frame(0, b"")) == [Message(True, b"good")]


def test_what_came_before_a_close_frame_in_the_same_read_is_not_lost() -> None:
    for message in (_raw(0xC1, deflated(b"good")), frame(1, b"go", fin=False) + frame(0, b"od")):
        server = session(12)
        assert feed(server, message + _raw(0x88, b"\x03\xe8")) == ([Message(True, b"good")], None)
        assert server.farewell() == b"\x88\x02\x03\xe8"


@pytest.mark.parametrize("fragments", [1, 3])
def test_a_bomb_stops_at_the_limit(fragments: int) -> None:
    bomb = deflated(bytes(50_000_000))
    size = len(bomb) // fragments + 1
    parts = [bomb[at : at + size] for at in range(0, len(bomb), size)]
    data = b"".join(
        _raw((0x80 if number == len(parts) - 1 else 0) | (0 if number else 0x42), part)
        for number, part in enumerate(parts)
    )
    server = session(12)
    messages, error = feed(server, data)
    assert messages == []
    assert isinstance(error, TooLarge)
    assert server.close_code == 1009


def test_damaged_compression_ends_the_session() -> None:
    _, error = feed(session(12), _raw(0xC1, b"\xff\xff\xff"))
    assert isinstance(error, MalformedInput)


def test_empty_fragments_without_end_take_no_memory() -> None:
    server = session()
    assert feed(server, frame(1, b"", fin=False) + frame(0, b"", fin=False) * 10_000) == ([], None)
    assert feed(server, frame(0, b"end")) == ([Message(True, b"end")], None)


@given(st.binary(max_size=60), st.integers(1, 60), st.booleans())
def test_any_bytes_are_messages_or_an_error(data: bytes, step: int, deflate: bool) -> None:
    server = session(12 if deflate else 0)
    feed(server, data, step)
    server.data_to_send()


@given(
    st.lists(st.sampled_from([f[1] for f in FAULTS[:12]] + [frame(1, b"x"), frame(9, b""), frame(2, b"\xff" * 200)]))
)
def test_our_reading_of_whole_frames_agrees_with_the_librarys(frames: list[bytes]) -> None:
    """Fed byte by byte, all is read by ``websockets``; fed whole, most of it by us."""
    data = b"".join(frames)
    whole, bytewise = session(), session()
    messages, error = feed(whole, data)
    if error is not None:
        messages = taken(session(), data)
    assert (messages, type(error)) == (feed(bytewise, data, 1)[0], type(feed(session(), data, 1)[1]))
    assert whole.close_code == bytewise.close_code


def test_an_idle_session_holds_next_to_nothing() -> None:
    import tracemalloc

    sessions: list[WebSocketSession | None] = [None] * 1000
    feed(session(12), frame(1, b"warm")[:3])
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(len(sessions)):
            sessions[number] = one = session(12)
            feed(one, frame(1, b"hello") + _raw(0xC1, deflated(b"hello")) + frame(9, b""), 7)
            one.data_to_send()
        assert (tracemalloc.get_traced_memory()[0] - before) / len(sessions) < 500
    finally:
        tracemalloc.stop()


def test_errors_carry_the_codes_that_close_frames_may_have() -> None:
    def tree(kind: type[EventdError]) -> list[type[EventdError]]:
        return [kind, *(deeper for child in kind.__subclasses__() for deeper in tree(child))]

    for kind in tree(EventdError):
        Close(kind.close_code, "").serialize()


def test_messages_that_come_together_with_the_close_frame_are_not_lost() -> None:
    ours = session()
    whole = frame(0x1, b"x" * 300)
    assert list(ours.receive(whole[:10])) == []
    rest = whole[10:] + frame(0x1, b"second") + frame(0x8, b"\x03\xe8")
    assert [message.data for message in ours.receive(rest)] == [b"x" * 300, b"second"]
    assert ours.closed
