"""What we take from eventlet and greenlet, with types, and nothing else.

The only module that imports them: it sets what must be set before the import, and
declares for the type checker the few things that we use. It holds no code of ours.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

__all__ = ["EngineHub", "GreenletExit", "get_hub", "getcurrent", "greenlet", "select_hub"]

# Eventlet's own resolver reads only two files of the system's configuration, and
# importing it costs 170 ms and 12 MiB. Names are looked up in native threads instead.
os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")

if TYPE_CHECKING:
    import select
    from collections.abc import Callable

    class greenlet:  # noqa: N801 - the name that the library gave it
        """A coroutine that switches its C stack."""

        parent: greenlet | None

        def __init__(self, run: Callable[..., Any] | None = None, parent: greenlet | None = None) -> None: ...
        def __bool__(self) -> bool: ...
        @property
        def dead(self) -> bool: ...
        def switch(self, *args: Any) -> Any: ...
        def throw(self, *args: Any) -> Any: ...

    class GreenletExit(BaseException):
        """Thrown into a greenlet that is to end."""

    class EngineHub:
        """Eventlet's event loop over epoll."""

        clock: Callable[[], float]
        closed: list[Any]
        greenlet: greenlet
        listeners: dict[str, dict[int, Any]]
        next_timers: list[tuple[float, Any]]
        poll: select.epoll
        running: bool
        stopping: bool
        timers: list[tuple[float, Any]]
        timers_canceled: int

        def __init__(self, clock: Callable[[], float] | None = None) -> None: ...
        def add_timer(self, timer: Any) -> float: ...
        def close_one(self) -> None: ...
        def ensure_greenlet(self) -> None: ...
        def fire_timers(self, when: float) -> None: ...
        def prepare_timers(self) -> None: ...
        def timer_canceled(self, timer: Any) -> None: ...

    def getcurrent() -> greenlet:
        """The greenlet that runs now."""

    def get_hub() -> EngineHub:
        """The loop of this native thread."""

    def select_hub(hub: type[EngineHub]) -> None:
        """Say of which class the loop is to be."""

else:
    with warnings.catch_warnings():
        # Eventlet says at every import that it is in bug-fix mode. We know: docs/green.md.
        warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
        import eventlet  # noqa: F401 - imported first so that its warning is met here
    from eventlet.hubs import get_hub
    from eventlet.hubs import use_hub as select_hub
    from eventlet.hubs.epolls import Hub as EngineHub
    from greenlet import GreenletExit, getcurrent, greenlet
