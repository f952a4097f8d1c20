"""
Deduplicates concurrent calls, such as logins and key renewals.

A call continues if its waiters are canceled, since the next scrape needs it too.
"""

from __future__ import annotations

import asyncio

from collections.abc import Callable, Coroutine
from typing import Final, Generic, TypeVar

from ...errors import CollectionError, Failure, Reason


T = TypeVar("T")

_CLOSED: Final = Failure(
    reason=Reason.CANCELED,
    problem="the cloud's client was closed while it waited for a credential",
    advice="none needed: the exporter is stopping, or has reloaded its configuration",
)


class SingleFlight(Generic[T]):
    """Runs `call`, never twice at the same time."""

    def __init__(self, call: Callable[[], Coroutine[None, None, T]]) -> None:
        self._call = call
        self._task: asyncio.Task[T] | None = None
        self._is_closed = False

    async def outcome(self) -> T:
        """
        Return the outcome of the running call, or of a new one.

        Raises what the call raises, or `CollectionError` if this is closed.
        """
        task = self.start()
        if task is None:
            raise CollectionError(_CLOSED)
        # Unlike awaiting the task, this does not cancel it together with the waiter.
        await asyncio.wait([task])
        if task.cancelled():
            raise CollectionError(_CLOSED)
        return task.result()

    def start(self) -> asyncio.Task[T] | None:
        """Start a call, or return the running one; None if this is closed."""
        if self._is_closed:
            return None
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._call())
        return self._task

    async def aclose(self) -> None:
        """Cancel the running call, and allow no more calls."""
        self._is_closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
