"""The time until which a collection may run."""

from __future__ import annotations

import asyncio


class Deadline:
    """A time on the event loop's clock, extended when a later scrape joins."""

    def __init__(self, seconds: float) -> None:
        self._at = asyncio.get_running_loop().time() + seconds

    def extend(self, other: Deadline) -> None:
        """Extend this deadline to `other`, if that is later."""
        self._at = max(self._at, other._at)

    @property
    def at(self) -> float:
        """The time on the event loop's clock."""
        return self._at

    @property
    def remaining(self) -> float:
        """Seconds until the deadline; negative after it."""
        return self._at - asyncio.get_running_loop().time()
