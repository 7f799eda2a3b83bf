"""HTTP over the unix socket: each way in which it fails is told with what may help."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from eventd.cli.connection import DaemonConnection, Refused, Unreachable


def test_get(daemon: Any) -> None:
    daemon.answer("/x", {"a": 1})

    assert DaemonConnection(str(daemon.run_dir)).get("/x", [("q", "a b>"), ("q", "c")]) == {"a": 1}
    assert daemon.calls[0].query == [("q", "a b>"), ("q", "c")]


def test_lines(daemon: Any) -> None:
    daemon.answers["/x"] = (200, [b"one\ntw", b"o\n", b"\n", b"three\n"])

    assert list(DaemonConnection(str(daemon.run_dir)).lines("/x")) == [b"one\n", b"two\n", b"three\n"]


def test_tell(daemon: Any) -> None:
    daemon.answer("/x", {"done": 3})

    assert DaemonConnection(str(daemon.run_dir)).tell("/x", {"ids": [1]}) == {"done": 3}
    call = daemon.calls[0]
    assert (call.method, call.body, call.headers["Content-Type"]) == ("POST", b'{"ids": [1]}', "application/json")


def test_progress(daemon: Any) -> None:
    daemon.answers["/x"] = (200, [b'{"done": 1}\n\n{"do', b'ne": 2}\n'])

    assert list(DaemonConnection(str(daemon.run_dir)).progress("/x", {})) == [{"done": 1}, {"done": 2}]
    assert daemon.calls[0].method == "POST"


def test_lines_of_one_that_breaks_off(daemon: Any) -> None:
    daemon.answers["/x"] = (200, [b"one\n"])
    daemon.breaks_off = True
    lines = DaemonConnection(str(daemon.run_dir)).lines("/x")

    assert next(lines) == b"one\n"
    with pytest.raises(Unreachable, match="broke off"):
        list(lines)


def test_what_the_daemon_refuses_is_told_in_its_words(daemon: Any) -> None:
    errors = [{"index": 0, "attribute": "id", "message": "it is empty"}, {"message": "no"}]
    daemon.answer("/x", {"errors": errors, "hint": "give it one"}, status=400)

    with pytest.raises(Refused) as caught:
        DaemonConnection(str(daemon.run_dir)).post("/x", b"[]", "application/json")

    assert str(caught.value) == "the daemon refused: id: it is empty; no (give it one)"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"errors": 1}', b'{"errors": [[]]}', b""])
def test_a_refusal_of_another_form_gives_its_status(daemon: Any, body: bytes) -> None:
    daemon.answers["/x"] = (503, [body] if body else [])

    with pytest.raises(Refused, match="HTTP status 503"):
        DaemonConnection(str(daemon.run_dir)).get("/x")


def test_an_answer_that_is_no_json(daemon: Any) -> None:
    daemon.answers["/x"] = (200, [b"hello"])

    with pytest.raises(Unreachable, match="something else than JSON"):
        DaemonConnection(str(daemon.run_dir)).get("/x")


def test_no_socket(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"no daemon runs here: there is no .*start it"):
        DaemonConnection(str(tmp_path)).get("/x")


def test_a_socket_that_was_left_behind(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "eventd.sock"))

    with pytest.raises(Unreachable, match="nobody listens"):
        DaemonConnection(str(tmp_path)).get("/x")


def test_one_that_does_not_answer(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(tmp_path / "eventd.sock"))
        mute.listen()

        with pytest.raises(Unreachable, match="does not answer"):
            DaemonConnection(str(tmp_path), timeout=0.05).get("/x")


def test_one_that_speaks_another_protocol(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "eventd.sock"))
        other.listen()

        def speak() -> None:
            client, _ = other.accept()
            with client:
                client.recv(65536)
                client.sendall(b"220 hello\r\n")

        thread = threading.Thread(target=speak)
        thread.start()
        with pytest.raises(Unreachable, match="failed"):
            DaemonConnection(str(tmp_path)).get("/x")
        thread.join()


def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="failed: AF_UNIX path too long"):
        DaemonConnection(str(tmp_path / ("x" * 120))).get("/x")


def test_a_body_that_is_refused_before_it_is_read(tmp_path: Path) -> None:
    document = b'{"errors": [{"message": "too big"}]}'
    answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(document), document)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "eventd.sock"))
        server.listen()

        def refuse() -> None:
            client, _ = server.accept()
            with client:
                client.recv(1000)
                client.sendall(answer)
                client.shutdown(socket.SHUT_RDWR)

        thread = threading.Thread(target=refuse)
        thread.start()
        with pytest.raises(Refused, match="too big"):
            DaemonConnection(str(tmp_path)).post("/events", b"x" * (4 << 20), "application/json")
        thread.join()
