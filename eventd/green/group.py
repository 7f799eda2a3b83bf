"""Green threads and their owners.

Nobody starts a green thread without an owner: the group keeps it, hears it die, and stops
it. What a green thread raises, SystemExit included, goes to its group and nowhere else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import perf_counter
from typing import Any, TypeVar

from eventd.green.engine import GreenletExit, getcurrent, greenlet
from eventd.green.hub import hub
from eventd.green.waiting import Signal

__all__ = ["Green", "Group", "current_name", "hurry", "run"]

log = logging.getLogger(__name__)

#: Seconds that green threads which were told to die get for what they do in ``finally``.
LAST_WORDS = 1.0
#: Seconds after which it is told who is waited for.
SOON = 1.0

T = TypeVar("T")


class Green(greenlet):
    """A green thread; made by ``Group.spawn``. A raw greenlet: 10,000 of them wait cheaply."""

    __slots__ = ("_args", "_fn", "_group", "name")

    def __init__(self, group: Group, name: str, fn: Callable[..., object], args: tuple[Any, ...]) -> None:
        super().__init__(None, hub().greenlet)
        self.name = name
        self._group = group
        self._fn: Callable[..., object] | None = fn
        self._args = args

    def run(self) -> None:
        """What the greenlet runs; ends in its group, whatever happens."""
        fn, args = self._fn, self._args
        assert fn is not None
        # Nothing here may keep the arguments alive, or a connection would outlive its protocol's states.
        self._fn, self._args = None, ()
        error: BaseException | None = None
        try:
            fn(*args)
        except GreenletExit:
            pass
        except BaseException as caught:  # noqa: BLE001 - a green thread's end is told to its owner, whatever it is
            error = caught
        self._group._ended(self, error)

    def kill(self) -> None:
        """Make it end: GreenletExit is raised where it waits, at the end of this pass.

        One that has not begun never will. ``finally`` blocks run, and may wait.
        """
        if getcurrent() is self:
            raise GreenletExit
        if self._fn is not None:
            self._fn = None
            self._group._ended(self, None)
        else:
            hub().call_soon(self._end)

    def _begin(self) -> None:
        if self._fn is not None:
            self.switch()

    def _end(self) -> None:
        if not self.dead:
            self.throw(GreenletExit)


class Group:
    """Owns green threads."""

    def __init__(self, name: str) -> None:
        self.name = name
        #: Called, on the hub, with a green thread and what it raised.
        self.on_death: Callable[[Green, BaseException], None] = self._log_death
        self._members: set[Green] = set()
        self._left: Signal | None = None
        #: Until when ``stop`` waits.
        self._deadline = 0.0

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Any:
        return iter(list(self._members))

    def spawn(self, name: str, fn: Callable[..., object], *args: Any) -> Green:
        """Run ``fn(*args)`` in a green thread of its own, from the end of this pass on."""
        green = Green(self, name, fn, args)
        self._members.add(green)
        hub().call_soon(green._begin)
        return green

    def stop(self, timeout: float) -> bool:
        """Wait until all have ended; kill those that have not after ``timeout`` seconds.

        The green thread that calls it is not waited for. True when none had to be killed.
        """
        began = perf_counter()
        _stopping.add(self)
        telling = hub().call_later(SOON, self._tell_waiting)
        ended = self._wait(timeout)
        telling.cancel()
        _stopping.discard(self)
        if ended:
            return True
        log.warning("%s: %s did not end within %.3g s", self.name, self._names(), perf_counter() - began)
        self.kill()
        if not self._wait(LAST_WORDS):
            log.error("%s: %s cannot be ended", self.name, self._names())
        return False

    def kill(self) -> None:
        """End all but the one that calls it."""
        current = getcurrent()
        for green in list(self._members):
            if green is not current:
                green.kill()

    def _wait(self, timeout: float) -> bool:
        self._deadline = perf_counter() + timeout
        while self._others():
            rest = self._deadline - perf_counter()
            if rest <= 0:
                return False
            self._left = Signal()
            self._left.wait(rest)
        return True

    def _tell_waiting(self) -> None:
        log.info("%s: waiting for %s", self.name, self._names())

    def _hurry(self, within: float) -> None:
        self._deadline = min(self._deadline, perf_counter() + within)
        if self._left is not None:
            self._left.set()

    def _others(self) -> bool:
        return len(self._members) > (getcurrent() in self._members)

    def _names(self) -> str:
        current = getcurrent()
        names = sorted({green.name for green in self._members if green is not current})
        return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")

    def _ended(self, green: Green, error: BaseException | None) -> None:
        self._members.discard(green)
        if self._left is not None:
            self._left.set()
        if error is None:
            return
        try:
            self.on_death(green, error)
        except BaseException:
            log.exception("%s: on_death failed for %s", self.name, green.name)

    def _log_death(self, green: Green, error: BaseException) -> None:
        log.error("%s: green thread %s died", self.name, green.name, exc_info=error)


#: Those that wait for their green threads to end.
_stopping: set[Group] = set()


def hurry(within: float) -> None:
    """Have all groups that are being stopped wait no longer than so many seconds from now."""
    for group in _stopping:
        group._hurry(within)


def current_name() -> str:
    """The name of the green thread that asks; ``hub`` in a callback, ``main`` outside of all."""
    current = getcurrent()
    name = getattr(current, "name", None)
    if isinstance(name, str):
        return name
    return "hub" if current is hub().greenlet else "main"


def run(main: Callable[[], T]) -> T:
    """Run ``main`` in a green thread, and the loop, until it returns; what it raises is raised here.

    Other green threads that still wait then go on with the next ``run``.
    """
    loop = hub()
    outcome: list[T] = []
    errors: list[BaseException] = []
    group = Group("main")
    group.on_death = lambda _green, error: errors.append(error)

    def whole() -> None:
        try:
            outcome.append(main())
        finally:
            # Not when an interrupt has ended this run, and a later one found the green thread.
            if loop.runs == mine:
                loop.stopping = True

    mine = loop.runs + 1
    loop.begin()
    group.spawn("main", whole)
    loop.greenlet.switch()
    if errors:
        raise errors[0]
    if not outcome:
        raise GreenletExit
    return outcome[0]
