"""How long a scrape may take."""

from __future__ import annotations

import math

from ..cloud.scheduler import _LONGEST_SCRAPE_SECONDS
from ..config import DEFAULT_TIMEOUT, CollectionSettings


def scrape_seconds(scrape_timeout: str | None, settings: CollectionSettings) -> float:
    """
    Return how long a scrape may take.

    `scrape_timeout` is the header `X-Prometheus-Scrape-Timeout-Seconds`; what is no
    positive number counts as absent. Where it is not above the offset, half of it is
    left: an answer in time with little in it is better than none. Nobody can ask for
    more than five minutes.
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
        _LONGEST_SCRAPE_SECONDS,
    )
