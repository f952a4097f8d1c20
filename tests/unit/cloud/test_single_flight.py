"""Concurrent callers share one call and its outcome."""

import asyncio

import pytest

from exporter.cloud.auth.single_flight import SingleFlight
from exporter.errors import CollectionError, Reason


class Calls:
    """Calls that last until the test answers them; `calls` and `ended` count them."""

    def __init__(self):
        self.answers = []
        self.ended = 0

    async def call(self):
        """Wait for the answer."""
        self.answers.append(asyncio.get_running_loop().create_future())
        try:
            return await self.answers[-1]
        finally:
            # The cleanup of a call may take more than one tick.
            for _ in range(5):
                await asyncio.sleep(0)
            self.ended += 1


async def settle():
    """Let every task run until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_concurrent_callers_share_a_call():
    """Callers share the outcome of a running call; later ones start another."""
    calls = Calls()
    flight = SingleFlight(calls.call)
    waiting = [asyncio.create_task(flight.outcome()) for _ in range(3)]
    await settle()
    waiting.pop().cancel()
    await settle()
    calls.answers[0].set_result("first")

    assert await asyncio.gather(*waiting) == ["first", "first"]
    later = asyncio.create_task(flight.outcome())
    await settle()
    calls.answers[1].set_exception(ValueError("second"))
    with pytest.raises(ValueError, match="second"):
        await later
    assert len(calls.answers) == calls.ended == 2


async def test_no_call_after_closing():
    """Closing ends the call and fails its waiters; afterwards no call starts."""
    calls = Calls()
    flight = SingleFlight(calls.call)
    waiting = asyncio.create_task(flight.outcome())
    await settle()
    await flight.aclose()

    assert calls.ended == 1
    for outcome in (waiting, flight.outcome()):
        with pytest.raises(CollectionError) as caught:
            await outcome
        assert caught.value.failure.reason is Reason.CANCELED
    assert len(calls.answers) == 1


async def test_closing_before_the_first_call():
    """Closing before the first call does nothing."""
    calls = Calls()
    flight = SingleFlight(calls.call)
    await flight.aclose()

    with pytest.raises(CollectionError, match="closed"):
        await flight.outcome()
    assert not calls.answers
