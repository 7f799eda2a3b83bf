"""What tasks wait on."""

from __future__ import annotations

import asyncio
import time

from eventd.client.news import News
from tests.client.looping import looping, soon


@looping
async def test_all_who_wait_look_again():
    news = News()
    waits = [asyncio.create_task(news.wait(None)) for _ in range(3)]
    await soon(lambda: len(news._waiting) == 3, what="all to wait")

    news.tell()

    assert await asyncio.gather(*waits) == [True] * 3
    news.tell()


@looping
async def test_a_time_that_is_over_is_not_waited_for():
    news = News()

    assert not await news.wait(time.monotonic())
    assert await news.wait(time.monotonic() + 0.01)
    assert not news._waiting


@looping
async def test_who_does_not_wait_any_more_is_forgotten():
    news = News()
    wait = asyncio.create_task(news.wait(None))
    await soon(lambda: news._waiting, what="it to wait")

    wait.cancel()
    await asyncio.wait({wait})

    assert wait.cancelled()
    assert not news._waiting
