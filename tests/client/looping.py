"""Tests that are coroutines, and waiting in them."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tests.support.wait import PERIOD, SCALE

__all__ = ["looping", "soon"]

T = TypeVar("T")


def looping(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in an event loop of its own, which tells of what is left behind."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(_watched(test(*arguments, **named)), debug=True)

    return run


async def soon(condition: Callable[[], T], timeout: float = 5.0, what: str = "") -> T:  # noqa: ASYNC109 - as until has it
    """What ``condition`` gives as soon as it is true; the event loop goes on meanwhile."""
    deadline = time.monotonic() + timeout * SCALE
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}; last: {value!r}"
        await asyncio.sleep(PERIOD)
    return value


async def _watched(test: Coroutine[Any, Any, None]) -> None:
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
    await test
    assert asyncio.all_tasks() == {asyncio.current_task()}, "tasks were left behind"
    assert faults == []
