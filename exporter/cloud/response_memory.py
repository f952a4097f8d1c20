"""
Bounds the memory of responses while they are read, over all clouds.

A response reserves memory in steps as it arrives, and waits while none is free.
Responses that hold memory and wait for more would deadlock, so the oldest of them never
waits: it may exceed the capacity. A server can stall in the middle of a large response, so
a wait has a limit, after which stalled responses are dropped.
"""

from __future__ import annotations

import asyncio

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final


CAPACITY: Final = 24 * 1024 * 1024
"""
Bytes: 15 pages of 1,000 jobs. The oldest response may take up to 8 MiB more, and the
`UNCOUNTED` bytes per response are extra.
"""

UNCOUNTED: Final = 64 * 1024
"""Bytes of each response that need no reservation; most responses are smaller."""

_PATIENCE_SECONDS: Final = 0.5


class ResponseDroppedError(Exception):
    """A response was dropped, since others needed its memory."""


class ResponseMemory:
    """The memory for responses of all clouds; `used` bytes are reserved."""

    def __init__(
        self, capacity: int = CAPACITY, patience: float = _PATIENCE_SECONDS
    ) -> None:
        self.capacity = capacity
        self.patience = patience
        self.used = 0
        # In the order in which they began.
        self._shares: dict[Share, None] = {}
        self._queue: OrderedDict[Share, None] = OrderedDict()
        self._decoding = asyncio.Lock()

    @property
    def waiting(self) -> int:
        """Number of responses that wait for memory."""
        return len(self._queue)

    @asynccontextmanager
    async def share(self) -> AsyncIterator[Share]:
        """
        Yield the share of one response, and release it at the end.

        Raises `ResponseDroppedError` within the block if others need the memory.
        """
        share = Share(self)
        self._shares[share] = None
        try:
            async with share.scope:
                yield share
        except TimeoutError as error:
            if not share.is_dropped:
                raise
            raise ResponseDroppedError from error
        finally:
            del self._shares[share]
            self.used -= share.size
            self._wake()

    async def take(self, share: Share, size: int) -> None:
        """Wait until `size` more bytes are free, and reserve them."""
        if self._queue or not self._may_take(share, size):
            await self._wait(share, size)
        # No await since the check: a cancellation cannot leave a reservation.
        self.used += size
        share.size += size
        share.grew_at = _now()

    async def decoding_slot(self) -> None:
        """
        Wait so that at most one large response is decoded per event loop iteration.

        The caller decodes before it awaits anything else. Decoding takes about 30 ms;
        otherwise, responses that complete together would block the loop for seconds.
        """
        async with self._decoding:
            await asyncio.sleep(0)

    async def _wait(self, share: Share, size: int) -> None:
        share.wanted = size
        self._queue[share] = None
        try:
            while not self._may_take(share, size):
                share.changed.clear()
                try:
                    async with asyncio.timeout(self.patience):
                        await share.changed.wait()
                except TimeoutError:
                    self._make_room()
        finally:
            share.wanted = 0
            del self._queue[share]
            self._wake()

    def _may_take(self, share: Share, size: int) -> bool:
        if share is self._oldest():
            return True
        is_next = next(iter(self._queue), share) is share
        return is_next and self.used + size <= self.capacity

    def _oldest(self) -> Share | None:
        """Return the oldest of the responses that hold memory."""
        return next((share for share in self._shares if share.size), None)

    def _make_room(self) -> None:
        wanted = sum(share.wanted for share in self._queue)
        wanted -= self.capacity - self.used
        wanted -= sum(share.size for share in self._shares if share.is_dropped)
        latest = _now() - self.patience
        stalled = [
            share
            for share in self._shares
            if share.size
            and not share.is_dropped
            and not share.wanted
            and not share.is_complete
            and share.grew_at <= latest
        ]
        for share in sorted(stalled, key=lambda share: share.grew_at):
            if wanted <= 0:
                return
            share.drop()
            wanted -= share.size

    def _wake(self) -> None:
        """Wake the two that may go on: all of them would cost the square of them."""
        for share in (next(iter(self._queue), None), self._oldest()):
            if share is not None:
                share.changed.set()


class Share:
    """The memory of one response; `size` bytes are reserved."""

    def __init__(self, memory: ResponseMemory) -> None:
        self.size = 0
        self.wanted = 0
        self.grew_at = _now()
        self.is_complete = False
        self.is_dropped = False
        self.changed = asyncio.Event()
        """Set when a wait of this response may be over."""

        self.scope = asyncio.timeout(None)
        self._memory = memory

    async def grow(self, size: int) -> None:
        """Reserve memory for `size` bytes in total; wait if none is free."""
        missing = size - UNCOUNTED - self.size
        if missing > 0:
            # At least double the reservation, to keep the number of waits small.
            await self._memory.take(self, max(missing, self.size, UNCOUNTED))

    async def complete(self) -> None:
        """Mark the response as complete; if large, wait until it may be decoded."""
        self.is_complete = True
        if self.size:
            await self._memory.decoding_slot()

    def drop(self) -> None:
        """Drop the response: raise `ResponseDroppedError` in its reader."""
        self.is_dropped = True
        self.scope.reschedule(_now())


def _now() -> float:
    return asyncio.get_running_loop().time()
