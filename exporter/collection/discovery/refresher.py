"""Repeats work in the background: at intervals, sooner after a failure, and when asked."""

from __future__ import annotations

import asyncio
import random

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeAlias


_FIRST_BACKOFF_SECONDS: Final = 30.0
_JITTER: Final = 0.1

Pause: TypeAlias = Callable[[asyncio.Event, float], Awaitable[None]]
"""Waits until the event is set, or about so many seconds."""


async def pause(wake: asyncio.Event, seconds: float) -> None:
    """
    Wait until `wake` is set, or `seconds`, give or take a tenth.

    So exporters that were started together do not ask together forever.
    """
    factor = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - not for security
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds * factor):
            await wake.wait()


class Refresher:
    """
    Runs `refresh` in a task of its own, never twice at the same time.

    `refresh` returns whether it succeeded, and raises nothing. While it fails it is
    tried again after 30 s and then ever later, until the pause is as long as `interval`,
    or at once when `is_changed` says that the next attempt may go better.
    """

    def __init__(
        self,
        refresh: Callable[[], Awaitable[bool]],
        interval: float,
        is_changed: Callable[[], Awaitable[bool]],
        *,
        pause: Pause = pause,
    ) -> None:
        self.interval = interval
        self._refresh = refresh
        self._is_changed = is_changed
        self._pause = pause
        self._wake = asyncio.Event()
        self._attempted = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def refresh_now(self) -> None:
        """Refresh at once; if a refresh is under way, once more after it."""
        self._wake.set()

    async def attempted(self) -> None:
        """Wait until the first refresh has ended, successfully or not."""
        await self._attempted.wait()

    async def aclose(self) -> None:
        """Cancel a refresh that is under way, and start no more."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        failures = 0
        while True:
            self._wake.clear()
            failures = 0 if await self._refresh() else failures + 1
            self._attempted.set()
            if failures:
                await self._back_off(failures)
            else:
                await self._pause(self._wake, self.interval)
            if self._wake.is_set():
                failures = 0

    async def _back_off(self, failures: int) -> None:
        # Not 2 ** failures: they may go on for years.
        doubled = _FIRST_BACKOFF_SECONDS * 2 ** min(failures - 1, 16)
        left = min(doubled, self.interval)
        while left > 0:
            step = min(left, _FIRST_BACKOFF_SECONDS)
            await self._pause(self._wake, step)
            left -= step
            if self._wake.is_set() or await self._is_changed():
                return
