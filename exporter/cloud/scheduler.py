"""
Which request goes next: limits of a cloud and of all, fair between projects.

All requests of all clouds wait here for a slot. Slots go round: cloud by cloud, and
within a cloud project by project, so that a project with a hundred pages does not
starve one with a single page.
"""

from __future__ import annotations

import asyncio

from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from ..config import RateLimit
from .rate_limit import TokenBucket


_LONGEST_PAUSE_SECONDS: Final = 1.0
# What a client may ask for: above, one that hangs would keep what it waits for too long.
_LONGEST_SCRAPE_SECONDS: Final = 300.0


class CloudQueue:
    """
    The requests of one cloud: its queue, its rate, and what 429 taught.

    A 429 halves the number of requests in flight and every success adds a fraction
    back, as TCP does with congestion; nothing is sent before the pause is over.
    """

    def __init__(
        self, scheduler: RequestScheduler, rate_limit: RateLimit | None
    ) -> None:
        self._scheduler = scheduler
        self._bucket = TokenBucket(rate_limit) if rate_limit else None
        self._queues: dict[str, dict[asyncio.Future[None], None]] = {}
        self._held: set[asyncio.Future[None]] = set()
        self._waiting = 0
        self._in_flight = 0
        self._window = float(scheduler.max_in_flight)
        self._paused_until = 0.0

    @asynccontextmanager
    async def slot(self, project: str) -> AsyncIterator[None]:
        """Wait for a slot, in turn with the cloud's other projects, and hold it."""
        slot = asyncio.get_running_loop().create_future()
        self._queues.setdefault(project, {})[slot] = None
        self._waiting += 1
        try:
            self._scheduler.dispatch()
            await slot
            yield
        finally:
            # The slot may have been given to a request that is canceled in the same
            # tick: whether it is held decides, not how far the request has got.
            self._held.discard(slot)
            self._forget(project, slot)
            self._scheduler.dispatch()

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Count a request as in flight for the length of a `with` block."""
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1

    @property
    def in_flight(self) -> int:
        """How many requests have been sent and not answered yet."""
        return self._in_flight

    @property
    def held(self) -> int:
        """How many slots are taken."""
        return len(self._held)

    @property
    def waiting(self) -> int:
        """How many requests wait for a slot; any thread may ask."""
        return self._waiting

    def throttled(self, delay: float) -> None:
        """
        Slow the whole cloud down: nothing for a moment, then less at once.

        The moment is `delay` seconds, but short: a wait imposed on one project must not
        cost the others their scrape.
        """
        now = asyncio.get_running_loop().time()
        if now >= self._paused_until:
            self._window = max(1.0, min(self._window, len(self._held) + 1.0) / 2)
        self._paused_until = max(
            self._paused_until, now + min(delay, _LONGEST_PAUSE_SECONDS)
        )

    @property
    def paused_for(self) -> float:
        """Seconds for which nothing is sent because the API throttles."""
        return self._paused_until - asyncio.get_running_loop().time()

    def succeeded(self) -> None:
        """Let a little more be in flight again."""
        self._window = min(
            float(self._scheduler.max_in_flight), self._window + 1 / self._window
        )

    def wait(self, now: float) -> float | None:
        """Return the seconds until a waiting request may go; None if that is open."""
        if self._first_waiting() is None or len(self._held) >= int(self._window):
            return None
        bucket = self._bucket.wait(now) if self._bucket else 0.0
        return max(self._paused_until - now, bucket, 0.0)

    def start_next(self) -> None:
        """Give a slot to the first request of the project whose turn it is."""
        first = self._first_waiting()
        if first is None:
            return
        project, slot = first
        self._forget(project, slot)
        if rest := self._queues.pop(project, None):
            # The project that had its turn goes to the end.
            self._queues[project] = rest
        if self._bucket:
            self._bucket.take()
        self._held.add(slot)
        slot.set_result(None)

    def reset_slots(self) -> None:
        """Take all slots back, and end a pause: those who hold them have lost them."""
        self._held.clear()
        self._paused_until = 0.0

    def close(self) -> None:
        """Give the cloud's share back: it has no requests any more."""
        self._scheduler.forget(self)

    def _first_waiting(self) -> tuple[str, asyncio.Future[None]] | None:
        while self._queues:
            project, queue = next(iter(self._queues.items()))
            slot = next(iter(queue))
            if not slot.cancelled():
                return project, slot
            # Its task has been canceled and has not run since.
            self._forget(project, slot)
        return None

    def _forget(self, project: str, slot: asyncio.Future[None]) -> None:
        queue = self._queues.get(project, {})
        if slot in queue:
            del queue[slot]
            self._waiting -= 1
        if not queue:
            self._queues.pop(project, None)


class RequestScheduler:
    """The requests of all clouds: at most `max_in_flight` at the same time."""

    def __init__(self, max_in_flight: int) -> None:
        self.max_in_flight = max_in_flight
        self._clouds: deque[CloudQueue] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None

    def cloud(self, rate_limit: RateLimit | None) -> CloudQueue:
        """Return the share of one more cloud."""
        cloud = CloudQueue(self, rate_limit)
        self._clouds.append(cloud)
        return cloud

    def forget(self, cloud: CloudQueue) -> None:
        """Take a cloud's share back."""
        self._clouds.remove(cloud)

    @property
    def in_flight(self) -> int:
        """How many requests have been sent and not answered yet."""
        return sum(cloud.in_flight for cloud in self._clouds)

    @property
    def held(self) -> int:
        """How many slots are taken."""
        return sum(cloud.held for cloud in self._clouds)

    @property
    def waiting(self) -> int:
        """How many requests wait for a slot."""
        return sum(cloud.waiting for cloud in self._clouds)

    @property
    def stalled_seconds(self) -> float:
        """
        Seconds for which requests have waited for nothing: none is in flight.

        What a rate limit or a pause makes them wait does not count.
        """
        if self._due is None or self.in_flight:
            return 0.0
        return max(0.0, asyncio.get_running_loop().time() - self._due)

    def reset_slots(self) -> None:
        """Take all slots back and give them anew: whoever held them sends nothing."""
        for cloud in self._clouds:
            cloud.reset_slots()
        self.dispatch()

    def dispatch(self) -> None:
        """Give slots to waiting requests as long as there are any to give."""
        now = asyncio.get_running_loop().time()
        if self._timer:
            self._timer.cancel()
            self._timer = None
        wait: float | None = None
        while self.held < self.max_in_flight:
            waits = [cloud.wait(now) for cloud in self._clouds]
            wait = min((one for one in waits if one is not None), default=None)
            if wait is None:
                break
            if wait > 0:
                self._timer = asyncio.get_running_loop().call_later(wait, self.dispatch)
                break
            cloud = self._clouds[waits.index(0.0)]
            cloud.start_next()
            self._due = None
            # The cloud that got a slot goes to the end.
            self._clouds.remove(cloud)
            self._clouds.append(cloud)
        self._note_due(now, wait)

    def _note_due(self, now: float, wait: float | None) -> None:
        """Remember when the next slot is to be given, or was to be given already."""
        if wait is not None and wait > 0:
            self._due = now + wait
        elif not self.held and not self.waiting:
            self._due = None
        elif self._due is None:
            self._due = now
