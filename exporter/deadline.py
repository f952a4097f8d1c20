"""Until when a collection may take."""

from __future__ import annotations

import asyncio


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
