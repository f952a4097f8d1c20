"""How long a scrape may take."""

from __future__ import annotations

import math

from typing import Final

from ..config import DEFAULT_TIMEOUT, CollectionSettings


SCRAPE_TIMEOUT_HEADER: Final = "X-Prometheus-Scrape-Timeout-Seconds"

# Limits the timeout that a scraper may set: a hanging scrape holds its resources.
_MAX_SECONDS: Final = 300.0


def scraper_timeout(header: str | None) -> float | None:
    """Return the scraper's timeout in seconds; None unless it is a positive number."""
    try:
        seconds = float(header or "nan")
    except ValueError:
        return None
    return seconds if 0 < seconds < math.inf else None


def scrape_seconds(timeout: float | None, settings: CollectionSettings) -> float:
    """
    Return how many seconds a scrape may take, five minutes at most.

    `timeout` is the scraper's, in seconds, if it said one. If it is not above the offset,
    half of it is used: a partial response in time is better than none.
    """
    if timeout is None:
        return settings.timeout or DEFAULT_TIMEOUT
    left = timeout - settings.timeout_offset
    return min(
        left if left > 0 else timeout / 2,
        settings.timeout or math.inf,
        _MAX_SECONDS,
    )
