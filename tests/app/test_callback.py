from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from eventd import Callback
from eventd.app.callback import METHODS, callback_of


class Mine(Callback):
    pass


def test_an_object_with_the_methods_is_taken_as_it_is() -> None:
    mine = Mine()
    duck = SimpleNamespace(**dict.fromkeys(METHODS, print))

    assert callback_of(mine) is mine
    assert callback_of(duck) is duck


def test_a_list_has_them_in_their_order() -> None:
    called: list[Any] = []
    functions = [lambda *args, name=name: called.append((name, *args)) for name in METHODS]
    callback = callback_of(functions)
    for name in METHODS:
        getattr(callback, name)("websocket", "resource", "what")

    assert called == [(name, "websocket", "resource", "what") for name in METHODS]


@pytest.mark.parametrize("wrong", [[print] * 3, [print] * 5, [print, print, print, None], Mine, object(), None])
def test_what_is_neither_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError):
        callback_of(wrong)


def test_what_nobody_listens_to_does_nothing_but_an_error_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    websocket: Any = SimpleNamespace(url="ws://localhost")
    mine = Mine()
    mine.on_connect(websocket, [])
    mine.on_disconnect(websocket, [])
    mine.on_message(websocket, "all", SimpleNamespace())  # type: ignore[arg-type]  # it is not looked at
    assert caplog.text == ""
    mine.on_error(websocket, "all", ValueError("told"))

    assert "ws://localhost, all: ValueError('told')" in caplog.text
