"""Requests that run concurrently."""

import asyncio
import gc

import pytest

from exporter.collectors.concurrency import attempt


async def test_an_attempt_that_is_canceled_before_it_starts():
    """It asks nothing, and leaves nothing that Python warns of."""
    asked = []

    async def ask(name):
        asked.append(name)

    task = asyncio.create_task(attempt(ask, "a"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gc.collect()

    assert asked == []
