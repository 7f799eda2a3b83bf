"""Who is turned away hears why, and costs a descriptor for a moment."""

from __future__ import annotations

import socket

import pytest

from eventd.listen import usher as module
from eventd.listen.usher import LATEST, SOONEST, Usher
from tests.listen.world import Peer, on_hub, request, wait


@on_hub
def test_the_answer_is_there_before_the_request_and_behind_it() -> None:
    usher = Usher()
    pauses = set()
    for _ in range(20):
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        usher.answer(ours)
        peer = Peer(theirs)
        peer.send(request("GET", "/healthz"))
        status, headers, body = peer.response()
        assert status == 503
        assert b"too many connections" in body
        assert peer.read_all() == b""
        pauses.add(int(headers["retry-after"]))
        peer.close()
    assert all(SOONEST <= pause <= LATEST for pause in pauses)
    assert len(pauses) > 1
    usher.stop()


@on_hub
def test_of_many_only_some_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_LINGERING", 2)
    usher = Usher()
    pairs = [socket.socketpair() for _ in range(3)]
    for ours, _ in pairs:
        usher.answer(ours)
    assert [ours.fileno() < 0 for ours, _ in pairs] == [True, False, False]
    usher.stop()
    assert all(ours.fileno() < 0 for ours, _ in pairs)
    for _, theirs in pairs:
        theirs.close()


@on_hub
def test_it_is_closed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER", 0.01)
    usher = Usher()
    ours, theirs = socket.socketpair()
    usher.answer(ours)
    peer = Peer(theirs)
    assert peer.response()[0] == 503
    assert peer.read_all() == b""
    wait(lambda: ours.fileno() < 0)
    peer.close()


@on_hub
def test_a_peer_that_has_gone_is_no_fault() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    Usher().answer(ours)
    assert ours.fileno() < 0
