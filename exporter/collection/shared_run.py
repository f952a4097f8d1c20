"""
Work that several callers wait for together: started once, canceled when all have left.

A caller's time may be over while the work goes on for the others. If it hangs, those who
come later must not hang with it: they start a second run. The first one goes on, since
whoever still waits for it has time left, and may have asked for more than the others
because the work does take that long. There are never more than two.
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
    One run of the work; `progress` is what can be seen of it meanwhile.

    Whoever joins it leaves it once.
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
        """Somebody's time was over before the work had ended."""

        self._waiters = 0
        self._task = asyncio.create_task(work(self))

    @property
    def task(self) -> asyncio.Task[T]:
        """What to wait for; never to be canceled from outside."""
        return self._task

    @property
    def is_under_way(self) -> bool:
        """Return whether the work goes on, so that one can join."""
        return not self.is_canceled and not self._task.done()

    @property
    def result(self) -> T | None:
        """How the work ended; None if it has not, or was canceled."""
        if self._task.done() and not self._task.cancelled():
            return self._task.result()
        return None

    def join(self) -> None:
        """Wait for the work, too."""
        self._waiters += 1

    def leave(self) -> bool:
        """Wait no longer; return whether that canceled the work: nobody else waits."""
        self._waiters -= 1
        if self._waiters or not self.is_under_way:
            return False
        self.cancel()
        return True

    def cancel(self) -> None:
        """End the work, whoever waits for it."""
        self.is_canceled = True
        self._task.cancel()


class SharedRuns(Generic[P, T]):
    """The runs of the same work, `work`: the newest, and one that is overdue."""

    def __init__(
        self, work: Callable[[SharedRun[P, T]], Coroutine[None, None, T]]
    ) -> None:
        self._work = work
        # The oldest first, and those that were canceled until they have ended.
        self._runs: list[SharedRun[P, T]] = []

    @property
    def current(self) -> SharedRun[P, T] | None:
        """The run to join; None if a new one has to be started."""
        under_way = [run for run in self._runs if run.is_under_way]
        if not under_way:
            return None
        newest = under_way[-1]
        if newest.is_overdue and len(under_way) < _MAX_RUNS:
            return None
        return newest

    def start(self, progress: P) -> SharedRun[P, T]:
        """Start a new run, which nobody has joined yet."""
        run = SharedRun(self._work, progress)
        self._runs.append(run)
        run.task.add_done_callback(lambda _: self._runs.remove(run))
        return run

    async def ended(self) -> None:
        """Wait until all runs that are under way have ended."""
        while self._runs:
            await asyncio.wait([run.task for run in self._runs])

    async def aclose(self) -> None:
        """Cancel the runs that are under way."""
        for run in self._runs:
            run.cancel()
        await self.ended()
