from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.green import Address, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", Address("tcp", host="127.0.0.1", port=8080)),
        ("localhost:0", Address("tcp", host="localhost", port=0)),
        ("[::1]:24224", Address("tcp", host="::1", port=24224)),
        ("[fe80::1%eth0]:1", Address("tcp", host="fe80::1%eth0", port=1)),
        (":80", Address("tcp", host="0.0.0.0", port=80)),
        ("unix:/run/eventd/eventd.sock", Address("unix", name="/run/eventd/eventd.sock")),
        ("fd:forward-udp", Address("fd", name="forward-udp")),
        ("  a.example:1 ", Address("tcp", host="a.example", port=1)),
    ],
)
def test_each_form_is_read(text, address):
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "write host:port"),
        ("8080", "write host:port"),
        ("::1:80", "write host:port"),
        ("host:http", "write host:port"),
        ("host:", "write host:port"),
        ("a b:1", "write host:port"),
        ("host:65536", "at most 65535"),
        ("unix:relative", "begin with /"),
        ("unix:/" + "x" * 107, "107 bytes"),
        ("fd:", "FileDescriptorName"),
        ("fd:a:b", "FileDescriptorName"),
    ],
)
def test_what_is_wrong_is_told_with_how_it_is_written(text, hint):
    with pytest.raises(ValueError, match="address|port|path|fd") as told:
        parse_address(text)

    assert hint in str(told.value)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_value_error(text):
    try:
        address = parse_address(text)
    except ValueError:
        return
    assert parse_address(str(address)) == address
