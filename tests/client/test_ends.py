"""In which words connections end."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from eventd.client.ends import CLOSING, End, end_of


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('::1', 80, 0, 0)"), "Connection refused"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (TimeoutError("no connection within 5 s"), "no connection within 5 s"),
        (ConnectionResetError(), "ConnectionResetError"),
        (ssl.SSLError(1, "wrong version number"), "TLS: "),
    ],
)
def test_an_error_is_told_in_words(error, told):
    end = end_of(error)

    assert told in end.reason
    assert not end.lasting


def test_a_certificate_that_is_not_trusted_will_not_be_soon():
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"

    assert end_of(error) == End("the server's certificate: self-signed certificate", lasting=True)


def test_the_end_of_the_client_is_an_end():
    assert CLOSING.code is None and not CLOSING.lasting
