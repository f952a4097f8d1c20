"""
How many requests to a cloud may be in flight: more with success, fewer with a 429.

As in TCP congestion control: the window doubles with each round trip until the first 429,
which halves it; from then on it grows by one request with each round trip.
"""

from __future__ import annotations

import math

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


FIRST_WINDOW: Final = 32


@dataclass(frozen=True, slots=True)
class SentIn:
    """
    The state of the window when a request was sent: how often it had been halved.

    The 429s of requests that were in flight together are one event, and say nothing of
    the window since.
    """

    halvings: int


class RequestWindow:
    """The window of one cloud, never wider than `maximum()`."""

    def __init__(self, first: int, maximum: Callable[[], int]) -> None:
        self._maximum = maximum
        self._width = float(first)
        self._doubles_until = math.inf
        self._halvings = 0

    @property
    def width(self) -> int:
        """Requests that may be in flight."""
        return min(int(self._width), self._maximum())

    def sent(self) -> SentIn:
        """Return what to remember of a request that is sent now."""
        return SentIn(self._halvings)

    def succeeded(self, sent: SentIn, in_flight: int) -> None:
        """Widen the window, if it is all used: otherwise nothing was tried."""
        if sent.halvings < self._halvings or in_flight < self.width:
            return
        step = 1.0 if self._width < self._doubles_until else 1.0 / self._width
        self._width = min(self._width + step, float(self._maximum()))

    def throttled(self, sent: SentIn, in_flight: int) -> None:
        """Halve the window, once for all requests that were sent in it."""
        if sent.halvings == self._halvings:
            self._halvings += 1
            self._width = max(1.0, min(self.width, in_flight) / 2)
            self._doubles_until = self._width
