"""
What a collection may spend: time, requests in flight, requests a second.

All requests of all clouds wait here for their turn. Turns go round: cloud by cloud,
and within a cloud project by project, so that a project with a hundred pages does not
starve one with a single page.
"""

from __future__ import annotations

import asyncio
import math

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from .config import DEFAULT_TIMEOUT, Collection, RateLimit


_LONGEST_PAUSE_SECONDS: Final = 1.0


class Deadline:
    """A moment of the event loop's clock; it moves back when a later scrape joins."""

    def __init__(self, seconds: float) -> None:
        self._at = asyncio.get_running_loop().time() + seconds

    def extend(self, other: Deadline) -> None:
        """Let the later of both deadlines hold."""
        self._at = max(self._at, other._at)

    @property
    def at(self) -> float:
        """The moment, on the event loop's clock."""
        return self._at

    @property
    def remaining(self) -> float:
        """Seconds that are left; negative when it has passed."""
        return self._at - asyncio.get_running_loop().time()


def scrape_seconds(scrape_timeout: str | None, settings: Collection) -> float:
    """
    Return how long a scrape may take.

    `scrape_timeout` is the header `X-Prometheus-Scrape-Timeout-Seconds`; what is no
    positive number counts as absent. Where it is not above the offset, half of it is
    left: an answer in time with little in it is better than none.
    """
    try:
        asked = float(scrape_timeout or "nan")
    except ValueError:
        asked = math.nan
    if not 0 < asked < math.inf:
        return settings.timeout or DEFAULT_TIMEOUT
    left = asked - settings.timeout_offset
    return min(left if left > 0 else asked / 2, settings.timeout or math.inf)


class TokenBucket:
    """`requests_per_second` on average, `burst` at once after a rest."""

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._tokens = float(limit.burst)
        self._filled_at = 0.0

    def wait(self, now: float) -> float:
        """Return the seconds until a token is there; 0 if one is there now."""
        rate = self._limit.requests_per_second
        earned = max(0.0, now - self._filled_at) * rate
        self._tokens = min(float(self._limit.burst), self._tokens + earned)
        self._filled_at = max(now, self._filled_at)
        return max(0.0, (1.0 - self._tokens) / rate)

    def take(self) -> None:
        """Take the token that `wait` said is there."""
        self._tokens -= 1.0


class CloudBudget:
    """
    The requests of one cloud: its queue, its rate, and what 429 taught.

    A 429 halves the number of requests in flight and every success adds a fraction
    back, as TCP does with congestion; nothing is sent before the pause is over.
    """

    def __init__(self, budget: Budget, rate_limit: RateLimit | None) -> None:
        self._budget = budget
        self._bucket = TokenBucket(rate_limit) if rate_limit else None
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}
        self._in_flight = 0
        self._window = float(budget.most)
        self._paused_until = 0.0

    @asynccontextmanager
    async def turn(self, party: str) -> AsyncIterator[None]:
        """Wait for a turn among the parties that want one, and hold it."""
        future = asyncio.get_running_loop().create_future()
        self._queues.setdefault(party, deque()).append(future)
        self._budget.dispatch()
        try:
            await future
        except asyncio.CancelledError:
            if future.cancelled():
                self._forget(party, future)
            else:
                self._release()
            raise
        try:
            yield
        finally:
            self._release()

    def throttled(self, delay: float) -> None:
        """
        Slow the whole cloud down: nothing for a moment, then less at once.

        The moment is `delay` seconds, but short: what one project is told to wait must
        not cost the others their scrape.
        """
        now = asyncio.get_running_loop().time()
        if now >= self._paused_until:
            self._window = max(1.0, min(self._window, self._in_flight + 1.0) / 2)
        self._paused_until = max(
            self._paused_until, now + min(delay, _LONGEST_PAUSE_SECONDS)
        )

    @property
    def paused_for(self) -> float:
        """Seconds for which nothing is sent because the API throttles."""
        return self._paused_until - asyncio.get_running_loop().time()

    def succeeded(self) -> None:
        """Let a little more be in flight again."""
        self._window = min(float(self._budget.most), self._window + 1 / self._window)

    def wait(self, now: float) -> float | None:
        """Return the seconds until a waiting request may go; None if that is open."""
        if not self._queues or self._in_flight >= int(self._window):
            return None
        bucket = self._bucket.wait(now) if self._bucket else 0.0
        return max(self._paused_until - now, bucket, 0.0)

    def start_next(self) -> None:
        """Give the turn to the next party's first request."""
        party = next(iter(self._queues))
        queue = self._queues.pop(party)
        future = queue.popleft()
        if queue:
            self._queues[party] = queue
        self._in_flight += 1
        if self._bucket:
            self._bucket.take()
        future.set_result(None)

    def close(self) -> None:
        """Give the cloud's share back: it has no requests any more."""
        self._budget.forget(self)

    def _release(self) -> None:
        self._in_flight -= 1
        self._budget.release()

    def _forget(self, party: str, future: asyncio.Future[None]) -> None:
        queue = self._queues[party]
        queue.remove(future)
        if not queue:
            del self._queues[party]


class Budget:
    """The requests of all clouds: at most `most` at the same time."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._in_flight = 0
        self._clouds: deque[CloudBudget] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def cloud(self, rate_limit: RateLimit | None) -> CloudBudget:
        """Return the share of one more cloud."""
        cloud = CloudBudget(self, rate_limit)
        self._clouds.append(cloud)
        return cloud

    def forget(self, cloud: CloudBudget) -> None:
        """Take a cloud's share back."""
        self._clouds.remove(cloud)

    def release(self) -> None:
        """Take a turn back, and give it to whoever is next."""
        self._in_flight -= 1
        self.dispatch()

    def dispatch(self) -> None:
        """Give turns to waiting requests as long as there are any to give."""
        loop = asyncio.get_running_loop()
        if self._timer:
            self._timer.cancel()
            self._timer = None
        while self._in_flight < self.most:
            waits = [cloud.wait(loop.time()) for cloud in self._clouds]
            known = [wait for wait in waits if wait is not None]
            if not known:
                return
            if min(known) > 0:
                self._timer = loop.call_later(min(known), self.dispatch)
                return
            self._in_flight += 1
            cloud = self._clouds[waits.index(0.0)]
            cloud.start_next()
            # The cloud that had its turn goes to the end.
            self._clouds.remove(cloud)
            self._clouds.append(cloud)
