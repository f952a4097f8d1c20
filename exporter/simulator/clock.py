"""The simulated cloud's time, in Unix seconds."""

from __future__ import annotations

import time

from typing import Protocol


class Clock(Protocol):
    """A source of the time."""

    def now(self) -> float:
        """Return the Unix time."""


class RealClock:
    """Starts at the real time and runs `speed` times as fast."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._started = time.time()
        self._monotonic = time.monotonic()

    def now(self) -> float:
        """Return the Unix time."""
        return self._started + (time.monotonic() - self._monotonic) * self._speed


class ManualClock:
    """Stands still until a test moves it."""

    def __init__(self, start: float | None = None) -> None:
        self._now = time.time() if start is None else start

    def now(self) -> float:
        """Return the Unix time."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Advance by `seconds`."""
        self._now += seconds
