"""
Limits how many scrapes are under way: those beyond are told to come again.

A scrape that waits for a slow cloud costs a connection and some memory. A Prometheus
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
"""Scrapes of all projects together; each costs more than a probe of one."""

RETRY_AFTER_SECONDS: Final = 5


class ScrapeLimit:
    """How many scrapes of a path may be under way."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._under_way = 0

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Count a scrape while it is under way; raises `HTTPException` if full."""
        if self._under_way >= self._limit:
            raise HTTPException(
                503,
                f"{self._limit} scrapes are under way already; try again later.\n",
                {"Retry-After": str(RETRY_AFTER_SECONDS)},
            )
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1


def scrape_limits(connections: int) -> tuple[ScrapeLimit, ScrapeLimit]:
    """
    Return the limits for all projects and for probes of one.

    Together they leave a third of the `connections` that can be open to other requests.
    """
    return (
        ScrapeLimit(max(1, min(MOST_SCRAPES, connections // 8))),
        ScrapeLimit(max(1, min(MOST_PROBES, connections // 2))),
    )
