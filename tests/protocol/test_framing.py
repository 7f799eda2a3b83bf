"""Parsers of frames: lent to a connection only while it has half a message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from eventd.protocol import framing
from eventd.protocol.framing import LEAST_COMPRESSED, give_back, message_frame, server_frame, take

HELLO = Frame(Opcode.TEXT, b"hello").serialize(mask=True)


def test_a_parser_is_between_messages_before_and_behind_a_frame_and_nowhere_else() -> None:
    parser = take(1000, deflate=False)
    assert parser.between_messages
    for at in range(len(HELLO) - 1):
        parser.receive_data(HELLO[at : at + 1])
        assert not parser.between_messages, at
    parser.receive_data(HELLO[-1:])
    assert parser.between_messages


def test_a_parser_is_not_between_messages_while_fragments_are_to_come() -> None:
    parser = take(1000, deflate=False)
    parser.receive_data(Frame(Opcode.TEXT, b"a", fin=False).serialize(mask=True))
    assert not parser.between_messages
    parser.receive_data(Frame(Opcode.CONT, b"b").serialize(mask=True))
    assert parser.between_messages


@pytest.mark.parametrize("data", [b"\x83\x80", Frame(Opcode.CLOSE, b"").serialize(mask=True)])
def test_a_parser_that_ended_is_never_lent_again(data: bytes) -> None:
    parser = take(1000, deflate=False)
    parser.receive_data(data)
    assert not parser.between_messages


def test_parsers_given_back_are_lent_again_on_the_same_terms() -> None:
    parser = take(1001, deflate=True)
    give_back(parser, 1001, deflate=True)
    assert take(1001, deflate=False) is not parser
    assert take(1002, deflate=True) is not parser
    assert take(1001, deflate=True) is parser


def test_the_number_of_spare_parsers_is_bounded() -> None:
    parsers = [take(1003, deflate=False) for _ in range(framing.MOST_SPARE + 5)]
    for parser in parsers:
        give_back(parser, 1003, deflate=False)
    assert len(framing._spare[1003, False]) == framing.MOST_SPARE


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_a_servers_frame_is_that_of_the_library(size: int) -> None:
    assert server_frame(0x82, bytes(size)) == Frame(Opcode.BINARY, bytes(size)).serialize(mask=False)


def heard(deflate: int, *frames: bytes) -> list[Frame]:
    """What a client hears that has agreed on such a window, and inflates each message on its own."""
    client = Protocol(Side.CLIENT, state=State.OPEN, max_size=None)
    if deflate:
        client.extensions = [PerMessageDeflate(True, True, deflate, deflate)]
    client.receive_data(b"".join(frames))
    assert client.parser_exc is None
    return [event for event in client.events_received() if isinstance(event, Frame)]


@given(
    st.lists(st.binary() | st.integers(0, 2000).map(bytes) | st.binary(min_size=1).map(lambda data: data * 700)),
    st.booleans(),
    st.sampled_from([0, 9, 10, 11, 12, 13, 14, 15]),
)
def test_a_client_hears_each_message_as_it_was(messages: list[bytes], text: bool, deflate: int) -> None:
    found = heard(deflate, *[message_frame(message, text, deflate) for message in messages])

    opcode = Opcode.TEXT if text else Opcode.BINARY
    assert [(frame.opcode, frame.data, frame.fin) for frame in found] == [(opcode, data, True) for data in messages]


def test_only_what_gains_from_it_is_compressed() -> None:
    small, large = b"x" * (LEAST_COMPRESSED - 1), b"x" * LEAST_COMPRESSED

    assert message_frame(small, True, 12) == message_frame(small, True, 0) == server_frame(framing.TEXT, small)
    assert message_frame(large, False, 0) == server_frame(framing.BINARY, large)
    assert message_frame(large, True, 12)[0] == framing.TEXT | framing.COMPRESSED
    assert message_frame(large, False, 12)[0] == framing.BINARY | framing.COMPRESSED
    assert len(message_frame(large, True, 12)) < LEAST_COMPRESSED / 10
