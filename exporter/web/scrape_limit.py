"""
Limits concurrent scrapes; further ones get HTTP 503 and should retry.

A scrape that waits for a slow cloud costs a connection and some memory. Prometheus
spreads its scrapes over the interval: 1,000 targets of `/probe` that take 3 s each, every
15 s, are 200 at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from starlette.exceptions import HTTPException


MOST_PROBES: Final = 256
MOST_SCRAPES: Final = 64
"""Scrapes of all projects; each costs more than a probe of one project."""

RETRY_AFTER_SECONDS: Final = 5


class ScrapeLimit:
    """Limits the concurrent scrapes of one path."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._under_way = 0

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Count a scrape for the length of a `with` block. Raises `HTTPException` if full."""
        if self._under_way >= self._limit:
            raise HTTPException(
                503,
                f"{self._limit} scrapes are running already; try again later.\n",
                {"Retry-After": str(RETRY_AFTER_SECONDS)},
            )
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1


def scrape_limits(connections: int) -> tuple[ScrapeLimit, ScrapeLimit]:
    """
    Return the limits for scrapes of all projects and for probes.

    Together they leave a third of the `connections` to other requests.
    """
    return (
        ScrapeLimit(max(1, min(MOST_SCRAPES, connections // 8))),
        ScrapeLimit(max(1, min(MOST_PROBES, connections // 2))),
    )
