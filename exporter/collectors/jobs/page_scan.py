"""
One consistent listing from pages that move while they are read.

Pages are positions in a list sorted by creation time: a new job lands at the end, and
a deleted one draws all later jobs forward, perhaps across the edge of a page that was
just read. Nothing may be counted twice and nothing that existed all along be missed.

All pages are asked for together. That first scan stands if nothing can have moved:
every page reports the same total, as many different jobs were seen, and none was
created since the scan began (a deletion whose effect a creation hides from the totals
shows its new job on the last page, or draws a job onto two pages). Else a second scan
stands if it finds nothing that the first had not, and just as many jobs as every page
tells. Else pages are read one by one from the last to the first, past which no job can
slip.
"""

from __future__ import annotations

import asyncio

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol

from ...cloud.error_codes import rejects_parameter
from ...errors import CollectionError, Failure, Reason
from ..concurrency import run_together
from ..numbers import to_millis_list
from .api import ALL_JOBS, Query
from .consistency import PagesRead, confirms, is_consistent, is_exhausted, obeys
from .contradictions import ContradictionError, raise_if_too_long
from .pages import Page
from .reverse_scan import PageRecord, ReadPage, read_in_reverse, record_of
from .snapshot import Snapshot


SMALL_PAGE: Final = 100
"""The page size that every deployment accepts."""

# Creation times can be cut to seconds, and another machine's clock than the gateway's.
_CLOCK_TOLERANCE_SECONDS: Final = 2.0
_SPARE_PAGES: Final = 10
_MAX_PAGES: Final = 65_535
_MOST_PAGES_AT_FIRST: Final = 32
"""Beyond these, as many pages are asked for as were answered: a total may be wrong."""


class FetchPage(Protocol):
    """Asks for a page, counted from 1; raises `CollectionError`."""

    async def __call__(self, query: Query, number: int, size: int) -> Page:
        """Return page `number` of pages with `size` jobs."""


@dataclass(slots=True)
class PagingHints:
    """What a listing learned for the next one: how large pages may be, how many."""

    page_size: int
    pages: dict[Query, int] = field(default_factory=dict)


class ScanOutcome(Enum):
    """How the scan of a query's pages ended."""

    COMPLETE = "all jobs of the query were listed"
    TOO_MANY_JOBS = "there are more jobs than were to be listed"
    FILTER_IGNORED = "the API gave other jobs than those asked for"


@dataclass(frozen=True, slots=True)
class ScanResult:
    """How a scan ended; `snapshot` has the jobs read until then."""

    outcome: ScanOutcome
    snapshot: Snapshot


async def list_jobs(
    fetch: FetchPage, hints: PagingHints, new_snapshot: Callable[[], Snapshot]
) -> Snapshot:
    """Return the complete listing. Raises `CollectionError`."""
    # Without a limit and a filter, a scan is complete or raises.
    return (await list_jobs_up_to(None, fetch, hints, new_snapshot)).snapshot


async def list_jobs_up_to(
    max_jobs: int | None,
    fetch: FetchPage,
    hints: PagingHints,
    new_snapshot: Callable[[], Snapshot],
) -> ScanResult:
    """List all jobs unless there are more than `max_jobs`. Raises `CollectionError`."""
    try:
        return await list_query(fetch, hints, new_snapshot, ALL_JOBS, max_jobs)
    except CollectionError as error:
        if not may_do_with_small_pages(hints.page_size, error.failure):
            raise
        smaller = PagingHints(SMALL_PAGE)
        result = await list_query(fetch, smaller, new_snapshot, ALL_JOBS, max_jobs)
        hints.page_size, hints.pages = smaller.page_size, smaller.pages
        return result


def may_do_with_small_pages(size: int, failure: Failure) -> bool:
    """Return whether pages of `size` jobs may have failed for that size alone."""
    return size > SMALL_PAGE and rejects_parameter(failure)


async def list_query(
    fetch: FetchPage,
    hints: PagingHints,
    new_snapshot: Callable[[], Snapshot],
    query: Query,
    max_jobs: int | None = None,
) -> ScanResult:
    """
    Read all pages of `query`, unless they hold more than `max_jobs` jobs.

    Raises `CollectionError`.
    """
    size = hints.page_size
    pages = hints.pages.get(query, 1)
    if max_jobs is not None:
        # The last listing may have been one without a limit.
        pages = min(pages, max_jobs // size + 1)

    async def read(number: int) -> Page:
        page = await fetch(query, number, size)
        raise_if_too_long(page, number, size)
        return page

    scan = PageScan(read, size, new_snapshot())
    outcome, found = await scan.run(query, pages, max_jobs)
    if outcome is ScanOutcome.COMPLETE and not is_consistent(found):
        earlier = found
        scan = PageScan(read, size, new_snapshot())
        outcome, found = await scan.run(query, len(earlier.pages), max_jobs)
        if outcome is ScanOutcome.COMPLETE and not confirms(found, earlier):
            records = dict(enumerate(found.pages, 1))
            reverse_scan = await read_in_reverse(
                read, size, new_snapshot, len(records), records
            )
            hints.pages[query] = reverse_scan.jobs // found.page_length + 1
            return ScanResult(outcome, reverse_scan.snapshot)
    if outcome is ScanOutcome.COMPLETE:
        hints.pages[query] = found.jobs // found.page_length + 1
    return ScanResult(outcome, scan.snapshot)


class PageScan:
    """Reads pages at the same time; their jobs are counted as they come, and not kept."""

    def __init__(self, read: ReadPage, size: int, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._read = read
        self._size = size
        self._pages: list[PageRecord] = []
        self._has_new_job = False
        self._started = asyncio.get_running_loop().time()

    async def run(
        self, query: Query, pages: int, max_jobs: int | None
    ) -> tuple[ScanOutcome, PagesRead]:
        """
        Read `pages` pages at once, and then what else there turns out to be.

        Stops early if that is more than `max_jobs` jobs, or not what was asked for.
        Raises `CollectionError`.
        """
        while True:
            found = await self._read_up_to(pages)
            if max_jobs is not None and found.total > max_jobs:
                return ScanOutcome.TOO_MANY_JOBS, found
            if not obeys(query, found, self.snapshot.counts):
                return ScanOutcome.FILTER_IGNORED, found
            if is_exhausted(found):
                return ScanOutcome.COMPLETE, found
            _raise_if_repeated(found)
            more = max(0, found.total - found.jobs) // found.longest + 1
            _raise_if_endless(found, pages + more)
            # The total of a query by status may be that of all jobs, against the rules.
            at_first = 0 if query.statuses else _MOST_PAGES_AT_FIRST
            pages += min(more, max(pages, at_first))

    async def _read_up_to(self, last: int) -> PagesRead:
        numbers = range(len(self._pages) + 1, last + 1)
        self._pages += await run_together(self._count(number) for number in numbers)
        return PagesRead(self._size, tuple(self._pages), self._has_new_job)

    async def _count(self, number: int) -> PageRecord:
        page = await self._read(number)
        self._has_new_job |= self._is_new(page)
        self.snapshot.quota = page.quota
        self.snapshot.add(page, page.rows)
        return record_of(page)

    def _is_new(self, page: Page) -> bool:
        elapsed = asyncio.get_running_loop().time() - self._started
        limit = (page.answered_at - elapsed - _CLOCK_TOLERANCE_SECONDS) * 1000
        # Sorted by creation time, a page has its newest job at its end.
        created = to_millis_list(
            [row.create_time for row in page.rows[-1:]], "create_time"
        )
        return max(created, default=0) >= limit


def _raise_if_repeated(found: PagesRead) -> None:
    # Without a total, pages that repeat would never end.
    number = len(found.pages)
    if found.totals == {None} and number > 1:
        before, last = found.pages[-2:]
        if last.ids == before.ids:
            raise ContradictionError(f"pages {number - 1} and {number} are the same")


def _raise_if_endless(found: PagesRead, pages: int) -> None:
    totals = [total for total in found.totals if total is not None]
    expected = min(totals, default=_MAX_PAGES) // found.longest
    if pages > min(_MAX_PAGES, 2 * expected + _SPARE_PAGES):
        raise CollectionError(
            Failure(
                reason=Reason.RESPONSE,
                problem=f"the list does not end: {pages - 1} pages, and "
                f"{min(totals, default=0)} jobs by the API's own count",
                advice="report it to the cloud's support",
            )
        )
