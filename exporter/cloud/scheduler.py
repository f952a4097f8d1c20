"""
Schedules API requests: limits per cloud and overall, fair between projects.

All requests wait here for a slot. Slots are assigned round-robin over the clouds, and
within a cloud over its projects, so that a project with a hundred pages does not starve
one with a single page. Logins go first: all other requests of a project need them, and
few are in flight at a time.
"""

from __future__ import annotations

import asyncio

from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from ..config import RateLimit
from .rate_limit import TokenBucket
from .request_window import FIRST_WINDOW, RequestWindow, SentIn


_MAX_PAUSE_SECONDS: Final = 1.0


class Slot:
    """A place among the requests in flight; its user reports the outcome, if known."""

    def __init__(self, queue: CloudQueue, sent: SentIn) -> None:
        self._queue = queue
        self._sent = sent

    def succeeded(self) -> None:
        """Report an answer other than 429."""
        self._queue.window.succeeded(self._sent, self._queue.held)

    def throttled(self) -> None:
        """Report a 429."""
        self._queue.window.throttled(self._sent, self._queue.held)


class CloudQueue:
    """
    The requests of one cloud: queue, rate limit and window.

    After a 429, nothing is sent until a pause is over.
    """

    def __init__(
        self, scheduler: RequestScheduler, rate_limit: RateLimit | None
    ) -> None:
        self._scheduler = scheduler
        self._bucket = TokenBucket(rate_limit) if rate_limit else None
        # Not a dict, in which the first key is behind all that were removed.
        self._queues: OrderedDict[
            str | None, OrderedDict[asyncio.Future[None], None]
        ] = OrderedDict()
        self._held: set[asyncio.Future[None]] = set()
        self._waiting = 0
        self._in_flight = 0
        self.window = RequestWindow(
            scheduler.first_window, lambda: scheduler.max_in_flight
        )
        self._paused_until = 0.0

    @asynccontextmanager
    async def slot(self, project: str | None) -> AsyncIterator[Slot]:
        """
        Wait for a slot and hold it; projects of the cloud take turns.

        None stands for logins: they go before all projects, which need them.
        """
        slot = asyncio.get_running_loop().create_future()
        self._queues.setdefault(project, OrderedDict())[slot] = None
        if project is None:
            self._queues.move_to_end(project, last=False)
        self._waiting += 1
        try:
            self._scheduler.dispatch()
            await slot
            yield Slot(self, self.window.sent())
        finally:
            # The slot may be assigned and the request canceled in the same tick, so
            # release it whether or not the request has seen it.
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
        """Number of requests sent and not answered yet."""
        return self._in_flight

    @property
    def held(self) -> int:
        """Number of slots in use."""
        return len(self._held)

    @property
    def waiting(self) -> int:
        """Number of requests that wait for a slot; thread-safe."""
        return self._waiting

    def pause(self, delay: float) -> None:
        """
        Send nothing to the whole cloud for `delay` seconds after a 429.

        The pause is capped: a delay for one project must not time out the scrapes of the
        others.
        """
        now = asyncio.get_running_loop().time()
        self._paused_until = max(
            self._paused_until, now + min(delay, _MAX_PAUSE_SECONDS)
        )

    @property
    def paused_for(self) -> float:
        """Seconds until the end of the pause; negative when it is over."""
        return self._paused_until - asyncio.get_running_loop().time()

    def wait(self, now: float) -> float | None:
        """Return the seconds until a request may be sent; None if none waits or no slot is free."""
        if self._first_waiting() is None or len(self._held) >= self.window.width:
            return None
        bucket = self._bucket.wait(now) if self._bucket else 0.0
        return max(self._paused_until - now, bucket, 0.0)

    def start_next(self) -> None:
        """Assign a slot to the first request of the next project."""
        first = self._first_waiting()
        if first is None:
            return
        project, slot = first
        self._forget(project, slot)
        if project is not None and project in self._queues:
            # Round-robin: the project goes to the end.
            self._queues.move_to_end(project)
        if self._bucket:
            self._bucket.take()
        self._held.add(slot)
        slot.set_result(None)

    def reset_slots(self) -> None:
        """Release all slots, even those that requests hold, and end a pause."""
        self._held.clear()
        self._paused_until = 0.0

    def close(self) -> None:
        """Remove the cloud from the scheduler."""
        self._scheduler.forget(self)

    def _first_waiting(self) -> tuple[str | None, asyncio.Future[None]] | None:
        while self._queues:
            project, queue = next(iter(self._queues.items()))
            slot = next(iter(queue))
            if not slot.cancelled():
                return project, slot
            # Its task was canceled but has not run yet.
            self._forget(project, slot)
        return None

    def _forget(self, project: str | None, slot: asyncio.Future[None]) -> None:
        queue = self._queues.get(project)
        if queue is None or slot not in queue:
            return
        del queue[slot]
        self._waiting -= 1
        if not queue:
            del self._queues[project]


class RequestScheduler:
    """
    Schedules the requests of all clouds, at most `max_in_flight` at a time.

    Each cloud begins with a window of `first_window`.
    """

    def __init__(self, max_in_flight: int, first_window: int = FIRST_WINDOW) -> None:
        self.max_in_flight = max_in_flight
        self.first_window = first_window
        self._clouds: deque[CloudQueue] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None

    def cloud(self, rate_limit: RateLimit | None) -> CloudQueue:
        """Add a cloud and return its queue."""
        cloud = CloudQueue(self, rate_limit)
        self._clouds.append(cloud)
        return cloud

    def forget(self, cloud: CloudQueue) -> None:
        """Remove a cloud."""
        self._clouds.remove(cloud)

    @property
    def in_flight(self) -> int:
        """Number of requests sent and not answered yet."""
        return sum(cloud.in_flight for cloud in self._clouds)

    @property
    def held(self) -> int:
        """Number of slots in use."""
        return sum(cloud.held for cloud in self._clouds)

    @property
    def waiting(self) -> int:
        """Number of requests that wait for a slot."""
        return sum(cloud.waiting for cloud in self._clouds)

    @property
    def stalled_seconds(self) -> float:
        """
        Seconds for which requests have waited although none is in flight.

        Waits for a rate limit or a pause do not count.
        """
        if self._due is None or self.in_flight:
            return 0.0
        return max(0.0, asyncio.get_running_loop().time() - self._due)

    def reset_slots(self) -> None:
        """Release all slots and assign them anew; call only if no request is in flight."""
        for cloud in self._clouds:
            cloud.reset_slots()
        self.dispatch()

    def dispatch(self) -> None:
        """Assign free slots to waiting requests."""
        now = asyncio.get_running_loop().time()
        if self._timer:
            self._timer.cancel()
            self._timer = None
        wait: float | None = None
        while self.held < self.max_in_flight:
            waits = [cloud.wait(now) for cloud in self._clouds]
            wait = min((each for each in waits if each is not None), default=None)
            if wait is None:
                break
            if wait > 0:
                self._timer = asyncio.get_running_loop().call_later(wait, self.dispatch)
                break
            cloud = self._clouds[waits.index(0.0)]
            cloud.start_next()
            self._due = None
            # Round-robin: the cloud goes to the end.
            self._clouds.remove(cloud)
            self._clouds.append(cloud)
        self._note_due(now, wait)

    def _note_due(self, now: float, wait: float | None) -> None:
        """Remember since when the next slot is due."""
        if wait is not None and wait > 0:
            self._due = now + wait
        elif not self.held and not self.waiting:
            self._due = None
        elif self._due is None:
            self._due = now
