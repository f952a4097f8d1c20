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

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain, islice
from operator import eq
from typing import Final, Protocol, cast

from ...cloud.error_codes import rejects_parameter
from ...errors import CollectionError, Failure, Reason
from ..concurrency import run_together
from ..numbers import to_millis_list
from .api import ALL_JOBS, Query
from .contradictions import ContradictionError, raise_if_too_long
from .job import JobId
from .pages import Page
from .reverse_scan import PageRecord, read_in_reverse, record_of
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
    first = PageScan(fetch, query, hints.page_size, new_snapshot())
    pages = hints.pages.get(query, 1)
    if max_jobs is not None:
        # The last listing may have been one without a limit.
        pages = min(pages, max_jobs // hints.page_size + 1)
    outcome = await first.read_concurrently(pages, max_jobs)
    page_scan = first
    if outcome is ScanOutcome.COMPLETE and not first.is_consistent():
        page_scan = PageScan(fetch, query, hints.page_size, new_snapshot())
        outcome = await page_scan.read_concurrently(first.pages, max_jobs)
        if outcome is ScanOutcome.COMPLETE and not page_scan.confirms(first):
            scan = await read_in_reverse(
                page_scan.read,
                hints.page_size,
                new_snapshot,
                page_scan.pages,
                page_scan.records,
            )
            hints.pages[query] = scan.jobs // page_scan.page_length + 1
            return ScanResult(outcome, scan.snapshot)
    if outcome is ScanOutcome.COMPLETE:
        hints.pages[query] = page_scan.jobs // page_scan.page_length + 1
    return ScanResult(outcome, page_scan.snapshot)


class PageScan:
    """One reading of all pages; pages are counted as they come and not kept."""

    def __init__(
        self, fetch: FetchPage, query: Query, size: int, snapshot: Snapshot
    ) -> None:
        self.snapshot = snapshot
        self.pages = 0
        self.jobs = 0
        self.records: dict[int, PageRecord] = {}
        self._fetch = fetch
        self._query = query
        self._size = size
        self._totals: set[int | None] = set()
        self._saw_new_job = False
        self._clock = asyncio.get_running_loop().time
        self._started = self._clock()

    @property
    def page_length(self) -> int:
        """How many jobs a full page has: the API may give fewer than asked for."""
        return self._longest if self.jobs > self._longest else self._size

    @property
    def _longest(self) -> int:
        return max(1, 0, *(len(record.ids) for record in self.records.values()))

    async def read_concurrently(self, pages: int, max_jobs: int | None) -> ScanOutcome:
        """
        Read `pages` pages at once, and then what else there turns out to be.

        Stops early if that is more than `max_jobs` jobs, or not what was asked for.
        """
        while True:
            numbers = range(self.pages + 1, pages + 1)
            await run_together(self._take(number) for number in numbers)
            self.pages = pages
            if max_jobs is not None and self._total > max_jobs:
                return ScanOutcome.TOO_MANY_JOBS
            if not self._obeys_the_query():
                return ScanOutcome.FILTER_IGNORED
            if self._is_exhausted():
                return ScanOutcome.COMPLETE
            self._check_that_pages_differ()
            more = max(0, self._total - self.jobs) // self._longest + 1
            self._check_end(pages + more)
            # The total of a query by status may be that of all jobs, against the rules.
            at_first = 0 if self._query.statuses else _MOST_PAGES_AT_FIRST
            pages += min(more, max(pages, at_first))

    def is_consistent(self) -> bool:
        """Return whether nothing can have moved during the scan."""
        return (
            not self._saw_new_job
            and self._totals == {self.jobs}
            and not self._has_repeated()
        )

    def confirms(self, earlier: PageScan) -> bool:
        """Return whether this scan, after `earlier`, is complete."""
        seen, seen_earlier = self._identities(), earlier._identities()
        if len(seen) < self.jobs or not seen <= seen_earlier:
            return False
        # Where no page tells a total, the same jobs twice have to do.
        return self._totals == {self.jobs} or (
            self._totals == {None} and seen == seen_earlier
        )

    async def read(self, number: int) -> Page:
        """Return a page, which is not counted. Raises `CollectionError`."""
        page = await self._fetch(self._query, number, self._size)
        raise_if_too_long(page, number, self._size)
        return page

    async def _take(self, number: int) -> None:
        page = await self.read(number)
        self.records[number] = record_of(page)
        self._totals.add(page.total)
        self._saw_new_job |= self._has_new_job(page)
        self.jobs += len(page.rows)
        self.snapshot.quota = page.quota
        self.snapshot.add(page, page.rows)

    def _identities(self) -> set[JobId]:
        return set(chain.from_iterable(record.ids for record in self.records.values()))

    def _has_repeated(self) -> bool:
        pages = [record.ids for record in self.records.values()]
        if not all(isinstance(ids, array) for ids in pages):
            return len(self._identities()) < self.jobs
        # Sorted, numbers take half of the memory that a set of them takes.
        numbers = sorted(chain.from_iterable(cast("list[array[int]]", pages)))
        return any(map(eq, numbers, islice(numbers, 1, None)))

    def _has_new_job(self, page: Page) -> bool:
        began = page.answered_at - (self._clock() - self._started)
        limit = (began - _CLOCK_TOLERANCE_SECONDS) * 1000
        # Sorted by creation time, a page has its newest job at its end.
        created = to_millis_list(
            [row.create_time for row in page.rows[-1:]], "create_time"
        )
        return max(created, default=0) >= limit

    def _obeys_the_query(self) -> bool:
        wanted = self._query.statuses
        if not wanted:
            return True
        statuses = self.snapshot.counts.statuses
        has_contradiction = self._total > 0 and not self.records[1].ids
        listed = sum(statuses.get(status, 0) for status in wanted)
        return listed == self.jobs and not has_contradiction

    @property
    def _total(self) -> int:
        return max((total for total in self._totals if total is not None), default=0)

    def _is_exhausted(self) -> bool:
        length = len(self.records[self.pages].ids)
        return length == 0 or (length < self._size and self._totals == {self.jobs})

    def _check_that_pages_differ(self) -> None:
        # Without a total, pages that repeat would never end.
        last, before = self.records[self.pages], self.records.get(self.pages - 1)
        if self._totals == {None} and before is not None and last.ids == before.ids:
            raise ContradictionError(
                f"pages {self.pages - 1} and {self.pages} are the same"
            )

    def _check_end(self, pages: int) -> None:
        totals = [total for total in self._totals if total is not None]
        expected = min(totals, default=_MAX_PAGES) // self._longest
        if pages > min(_MAX_PAGES, 2 * expected + _SPARE_PAGES):
            raise CollectionError(
                Failure(
                    reason=Reason.RESPONSE,
                    problem=f"the list does not end: {pages - 1} pages, and "
                    f"{min(totals, default=0)} jobs by the API's own count",
                    advice="report it to the cloud's support",
                )
            )
