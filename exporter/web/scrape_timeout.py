"""How long a scrape may take."""

from __future__ import annotations

import math

from ..cloud.scheduler import _MAX_SCRAPE_SECONDS
from ..config import DEFAULT_TIMEOUT, CollectionSettings


def scrape_seconds(scrape_timeout: str | None, settings: CollectionSettings) -> float:
    """
    Return how many seconds a scrape may take, five minutes at most.

    `scrape_timeout` is the header `X-Prometheus-Scrape-Timeout-Seconds`; it is ignored
    unless it is a positive number. If it is not above the offset, half of it is used: a
    partial response in time is better than none.
    """
    try:
        asked = float(scrape_timeout or "nan")
    except ValueError:
        asked = math.nan
    if not 0 < asked < math.inf:
        return settings.timeout or DEFAULT_TIMEOUT
    left = asked - settings.timeout_offset
    return min(
        left if left > 0 else asked / 2,
        settings.timeout or math.inf,
        _MAX_SCRAPE_SECONDS,
    )
