"""
Bounds the memory that responses take while they are read, over all clouds together.

A response takes memory in steps as it arrives, and waits for the next step while there
is none. Requests that hold memory and wait for more could wait for each other, and a
server can send half of a large response and then nothing: so a wait has an end, at
which the responses that have stalled are given up, or if there are none, the largest.
"""

from __future__ import annotations

import asyncio

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final


CAPACITY: Final = 32 * 1024 * 1024
"""Bytes; 20 pages of 1,000 jobs. What is below `UNCOUNTED` comes on top."""

UNCOUNTED: Final = 64 * 1024
"""Bytes of each response that are never waited for: most responses have fewer."""

_PATIENCE_SECONDS: Final = 0.5


class GivenUpError(Exception):
    """A response was given up, since others needed the memory that it held."""


class ResponseMemory:
    """The memory for the responses of all clouds; `used` of it is taken."""

    def __init__(
        self, capacity: int = CAPACITY, patience: float = _PATIENCE_SECONDS
    ) -> None:
        self.capacity = capacity
        self.patience = patience
        self.used = 0
        self._shares: set[Share] = set()
        self._queue: list[Share] = []
        self._changed = asyncio.Event()
        self._decoding = asyncio.Lock()

    @property
    def waiting(self) -> int:
        """How many responses wait for memory."""
        return len(self._queue)

    @asynccontextmanager
    async def share(self) -> AsyncIterator[Share]:
        """
        Return the memory of one response, which is given back at the end.

        Raises `GivenUpError` within the block if others need the memory.
        """
        share = Share(self)
        self._shares.add(share)
        try:
            async with share.scope:
                yield share
        except TimeoutError as error:
            if not share.is_given_up:
                raise
            raise GivenUpError from error
        finally:
            self._shares.remove(share)
            self.used -= share.size
            self._wake()

    async def take(self, share: Share, size: int) -> None:
        """Wait until there is room for `size` more bytes, and take them."""
        if self._queue or self.used + size > self.capacity:
            await self._wait(share, size)
        # In the same step as the check: what is canceled before has taken nothing.
        self.used += size
        share.size += size
        share.grew_at = _now()

    async def decoding_turn(self) -> None:
        """
        Wait so that one large response at most is decoded per turn of the event loop.

        The caller decodes before it awaits anything else. Decoding takes some 30 ms for
        each; without this, those that end together would stop the loop for seconds.
        """
        async with self._decoding:
            await asyncio.sleep(0)

    async def _wait(self, share: Share, size: int) -> None:
        share.wanted = size
        self._queue.append(share)
        try:
            while self._queue[0] is not share or self.used + size > self.capacity:
                try:
                    async with asyncio.timeout(self.patience):
                        await self._changed.wait()
                except TimeoutError:
                    self._make_room()
        finally:
            share.wanted = 0
            self._queue.remove(share)
            self._wake()

    def _make_room(self) -> None:
        wanted = sum(share.wanted for share in self._queue)
        wanted -= self.capacity - self.used
        wanted -= sum(share.size for share in self._shares if share.is_given_up)
        holders = [
            share for share in self._shares if share.size and not share.is_given_up
        ]
        latest = _now() - self.patience
        stalled = [
            share
            for share in holders
            if not share.wanted and not share.is_complete and share.grew_at <= latest
        ]
        for share in sorted(stalled, key=lambda share: share.grew_at):
            if wanted <= 0:
                return
            share.give_up()
            wanted -= share.size
        if wanted > 0 and holders and all(share.wanted for share in holders):
            max(holders, key=lambda share: share.size + share.wanted).give_up()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Share:
    """The memory that one response takes, `size` bytes of it counted."""

    def __init__(self, memory: ResponseMemory) -> None:
        self.size = 0
        self.wanted = 0
        self.grew_at = _now()
        self.is_complete = False
        self.is_given_up = False
        self.scope = asyncio.timeout(None)
        self._memory = memory

    async def grow(self, size: int) -> None:
        """Have memory for `size` bytes in all, if need be by waiting for it."""
        missing = size - UNCOUNTED - self.size
        if missing > 0:
            # At least as much again as there is, so that there are few waits.
            await self._memory.take(self, max(missing, self.size, UNCOUNTED))

    async def complete(self) -> None:
        """Say that the response is there; wait for the turn to decode it, if large."""
        self.is_complete = True
        if self.size:
            await self._memory.decoding_turn()

    def give_up(self) -> None:
        """Raise `GivenUpError` where this response is read."""
        self.is_given_up = True
        self.scope.reschedule(_now())


def _now() -> float:
    return asyncio.get_running_loop().time()
