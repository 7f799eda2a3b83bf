"""eventd: an event daemon for Python teams.

What authors of plugins and of programs import is here; the parts of the daemon are in the rooms below.
Names are loaded when they are used, so that ``import eventd`` is cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eventd.app.callback import Callback
    from eventd.app.manager import EventManager
    from eventd.app.websocket import WebSocket
    from eventd.config.plugin_config import Duration, Size
    from eventd.event import UNSET, Batch, Event
    from eventd.plugin.contract import (
        Emitter,
        Handler,
        Logger,
        Reject,
        Retry,
        Source,
        State,
        StateDirectory,
        Stop,
        Webhook,
    )
    from eventd.protocol.messages import Request, Response

__version__ = "0.1.0"

__all__ = [
    "UNSET",
    "Batch",
    "Callback",
    "Duration",
    "Emitter",
    "Event",
    "EventManager",
    "Handler",
    "Logger",
    "Reject",
    "Request",
    "Response",
    "Retry",
    "Size",
    "Source",
    "State",
    "StateDirectory",
    "Stop",
    "WebSocket",
    "Webhook",
    "__version__",
]

_HOMES = {
    "eventd.app.callback": ("Callback",),
    "eventd.app.manager": ("EventManager",),
    "eventd.app.websocket": ("WebSocket",),
    "eventd.config.plugin_config": ("Duration", "Size"),
    "eventd.event": ("UNSET", "Batch", "Event"),
    "eventd.plugin.contract": (
        "Emitter", "Handler", "Logger", "Reject", "Retry", "Source", "State", "StateDirectory", "Stop", "Webhook",
    ),
    "eventd.protocol.messages": ("Request", "Response"),
}  # fmt: skip

_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
