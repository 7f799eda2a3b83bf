"""The route by which the journal is shortened."""

from __future__ import annotations

from typing import Any

import pytest

from eventd.errors import MalformedInput
from eventd.listen.maintenance import PRUNE, Wish, prune_route
from eventd.protocol.messages import Request


def request(body: bytes) -> Request:
    return Request(method="POST", path=PRUNE, target=PRUNE, body=body)


def test_the_wish_is_handed_on_and_the_answer_told() -> None:
    wishes: list[Wish] = []
    route = prune_route(lambda wish: wishes.append(wish) or {"events": 1})
    door: Any = None

    answer: Any = route(request(b'{"before": "7", "size": null, "unsettled": true}'), door)

    assert wishes == [Wish("7", None, True)]
    assert (answer.status, answer.body) == (200, b'{"events":1}')


@pytest.mark.parametrize("body", [b"", b"{}", b'{"size": "x"}', b'{"befor": "7"}', b'{"before": "soon"}'])
def test_what_cannot_be_understood_is_told(body: bytes) -> None:
    def prune(wish: Wish) -> None:
        raise ValueError("soon is no place")

    door: Any = None
    with pytest.raises(MalformedInput):
        prune_route(prune)(request(body), door)
