"""
Work shared by several waiters: started once, canceled when all have left.

A waiter may time out while the work continues for the others. The work may hang, so
later callers start a second run instead of joining it. The first run continues: its
other waiters have time left, perhaps because the work is known to take long. There are
never more than two runs.
"""

from __future__ import annotations

import asyncio

from collections.abc import Callable, Coroutine
from typing import Final, Generic, TypeVar


_MAX_RUNS: Final = 2

P = TypeVar("P")
T = TypeVar("T")


class SharedRun(Generic[P, T]):
    """
    One run of the work; `progress` is its partial result.

    Each `join` is followed by one `leave`.
    """

    def __init__(
        self,
        work: Callable[[SharedRun[P, T]], Coroutine[None, None, T]],
        progress: P,
    ) -> None:
        self.progress = progress
        self.started = asyncio.get_running_loop().time()
        self.is_canceled = False
        self.is_overdue = False
        """Whether a waiter timed out before the work ended."""

        self._waiters = 0
        self._task = asyncio.create_task(work(self))

    @property
    def task(self) -> asyncio.Task[T]:
        """The task to wait for; use `leave` or `cancel` to cancel it."""
        return self._task

    @property
    def is_under_way(self) -> bool:
        """Whether the work still runs, so that it can be joined."""
        return not self.is_canceled and not self._task.done()

    @property
    def result(self) -> T | None:
        """The result; None while the work runs, or if it was canceled."""
        if self._task.done() and not self._task.cancelled():
            return self._task.result()
        return None

    def join(self) -> None:
        """Add a waiter."""
        self._waiters += 1

    def leave(self) -> bool:
        """Remove a waiter; cancel the work and return True if it was the last one."""
        self._waiters -= 1
        if self._waiters or not self.is_under_way:
            return False
        self.cancel()
        return True

    def cancel(self) -> None:
        """Cancel the work, even if there are waiters."""
        self.is_canceled = True
        self._task.cancel()


class SharedRuns(Generic[P, T]):
    """The runs of `work`: the newest, and perhaps an overdue one."""

    def __init__(
        self, work: Callable[[SharedRun[P, T]], Coroutine[None, None, T]]
    ) -> None:
        self._work = work
        # Oldest first; canceled runs stay until they have ended.
        self._runs: list[SharedRun[P, T]] = []

    @property
    def current(self) -> SharedRun[P, T] | None:
        """The run to join; None if a new one is needed."""
        under_way = [run for run in self._runs if run.is_under_way]
        if not under_way:
            return None
        newest = under_way[-1]
        if newest.is_overdue and len(under_way) < _MAX_RUNS:
            return None
        return newest

    def start(self, progress: P) -> SharedRun[P, T]:
        """Start a new run, without waiters."""
        run = SharedRun(self._work, progress)
        self._runs.append(run)
        run.task.add_done_callback(lambda _: self._runs.remove(run))
        return run

    async def ended(self) -> None:
        """Wait until all runs have ended."""
        while self._runs:
            await asyncio.wait([run.task for run in self._runs])

    async def aclose(self) -> None:
        """Cancel all runs and wait for their end."""
        for run in self._runs:
            run.cancel()
        await self.ended()
