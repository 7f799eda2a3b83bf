"""Parsers of frames: lent to a connection only while it has half a message."""

from __future__ import annotations

import pytest
from websockets.frames import Frame, Opcode

from eventd.protocol import framing
from eventd.protocol.framing import give_back, server_frame, take

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
