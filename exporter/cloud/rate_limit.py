"""A token bucket, which limits the rate and the burst of requests."""

from __future__ import annotations

from ..config import RateLimit


class TokenBucket:
    """Allows `requests_per_second` on average, and `burst` at once after a pause."""

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._tokens = float(limit.burst)
        self._filled_at = 0.0

    def wait(self, now: float) -> float:
        """Return the seconds until a token is available, 0 if one is available now."""
        rate = self._limit.requests_per_second
        earned = max(0.0, now - self._filled_at) * rate
        self._tokens = min(float(self._limit.burst), self._tokens + earned)
        self._filled_at = max(now, self._filled_at)
        return max(0.0, (1.0 - self._tokens) / rate)

    def take(self) -> None:
        """Take a token; `wait` must have returned 0."""
        self._tokens -= 1.0
