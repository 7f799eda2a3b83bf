"""What a WebSocket calls: four methods, of an object or as a list of functions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from eventd.event import Event

if TYPE_CHECKING:
    from eventd.app.websocket import WebSocket

__all__ = ["METHODS", "Callback", "callback_of"]

log = logging.getLogger(__name__)

#: What a callback has, in the order in which a list gives them.
METHODS = ("on_connect", "on_disconnect", "on_message", "on_error")


class Callback:
    """Override what you want to hear of. One method runs at a time; each may block, and may send."""

    def on_connect(self, websocket: WebSocket, resources: list[str]) -> None:
        """The connection is there, or there again."""

    def on_disconnect(self, websocket: WebSocket, resources: list[str]) -> None:
        """The connection is lost; the WebSocket comes back by itself unless it was stopped."""

    def on_message(self, websocket: WebSocket, resource: str, message: Event) -> None:
        """An event of a resource."""

    def on_error(self, websocket: WebSocket, resource: str, error: Exception) -> None:
        """Events were missed, a subscription was refused, or another method raised; it goes on."""
        log.error("%s, %s: %r", websocket.url, resource, error, exc_info=error)


class _Functions(Callback):
    """Four functions as one callback."""

    def __init__(self, functions: Sequence[Callable[..., Any]]) -> None:
        for name, function in zip(METHODS, functions, strict=True):
            setattr(self, name, function)


def callback_of(callbacks: object) -> Any:
    """An object with the four methods.

    :raises TypeError: when it is neither one nor a list of four functions.
    """
    if isinstance(callbacks, list | tuple):
        if len(callbacks) != len(METHODS) or not all(map(callable, callbacks)):
            raise TypeError(f"a list of callbacks has the four functions {', '.join(METHODS)}")
        return _Functions(callbacks)
    missing = [name for name in METHODS if not callable(getattr(callbacks, name, None))]
    if missing or isinstance(callbacks, type):
        raise TypeError(f"{callbacks!r} is no Callback: {', '.join(missing) or 'make an instance of it'}")
    return callbacks
