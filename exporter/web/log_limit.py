"""Limits log lines that any client can cause to one a minute."""

from __future__ import annotations

import time

from typing import Final

import structlog


log: Final = structlog.get_logger(__name__)

_INTERVAL_SECONDS: Final = 60.0


class LimitedWarning:
    """A warning logged at most once a minute, with the number of occurrences."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._times = 0
        self._next = 0.0

    def warn(self, **details: str | int | None) -> None:
        """Count an occurrence; log it if the last line is a minute old."""
        self._times += 1
        now = time.monotonic()
        if now < self._next:
            return
        log.warning(self._event, times=self._times, **details)
        self._times, self._next = 0, now + _INTERVAL_SECONDS
