"""
Lists all jobs of a query consistently, although the list may change meanwhile.

Pages are positions in a list sorted by creation time. A new job is appended; a deleted
one moves all later jobs forward, perhaps onto a page that has been read already. No job
may be counted twice, and none that exists all the time may be missed.

The first scan reads all pages concurrently. It stands if nothing can have moved: every
page reports the same total, there are as many different jobs, and none was created since
the scan began. (If a deletion and a creation leave the total unchanged, the new job is
on the last page, or some job is on two pages.) Otherwise, a second scan stands if it
finds no job that the first did not, and as many as every page reports. Otherwise, pages
are read one by one from the last to the first, which cannot miss a job.
"""

from __future__ import annotations

import asyncio

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from ...errors import CollectionError, Failure, Reason
from ..concurrency import run_together
from ..numbers import to_millis_list
from .api import ALL_JOBS, Query
from .consistency import PagesRead, confirms, is_consistent, is_exhausted, obeys
from .contradictions import ContradictionError
from .pages import Page
from .paginator import (
    SMALL_PAGE,
    Paginator,
    PagingHints,
    QueryPages,
    may_accept_small_pages,
)
from .reverse_scan import PageRecord, read_in_reverse, record_of
from .snapshot import Snapshot


# Creation times may be cut to seconds, and come from another clock than the gateway's.
_CLOCK_TOLERANCE_SECONDS: Final = 2.0
_SPARE_PAGES: Final = 10
_MAX_PAGES: Final = 65_535
_MAX_NEW_PAGES: Final = 32
"""
Beyond these, no more pages are requested at once than were answered: the total may be
wrong.
"""


class ScanOutcome(Enum):
    """How the scan of a query's pages ended."""

    COMPLETE = "all jobs of the query were listed"
    TOO_MANY_JOBS = "there are more jobs than may be listed"
    FILTER_IGNORED = "the API listed other jobs than requested"


@dataclass(frozen=True, slots=True)
class ScanResult:
    """How a scan ended; `snapshot` has the jobs read until then."""

    outcome: ScanOutcome
    snapshot: Snapshot


async def list_jobs(paginator: Paginator, max_jobs: int | None = None) -> ScanResult:
    """
    List all jobs unless there are more than `max_jobs`.

    Falls back to small pages, and remembers that, if large ones are rejected. Raises
    `CollectionError`.
    """
    hints = paginator.hints
    try:
        return await list_query(paginator, ALL_JOBS, max_jobs)
    except CollectionError as error:
        if not may_accept_small_pages(hints.page_size, error.failure):
            raise
        smaller = PagingHints(SMALL_PAGE)
        result = await list_query(replace(paginator, hints=smaller), ALL_JOBS, max_jobs)
        hints.page_size, hints.pages = smaller.page_size, smaller.pages
        return result


async def list_query(
    paginator: Paginator, query: Query, max_jobs: int | None = None
) -> ScanResult:
    """List the jobs of `query` unless there are more than `max_jobs`. Raises `CollectionError`."""
    pages = paginator.pages(query)
    number = paginator.hints.pages.get(query, 1)
    if max_jobs is not None:
        # The last listing may have had no limit.
        number = min(number, max_jobs // pages.size + 1)
    scan = PageScan(pages)
    outcome, found = await scan.run(number, max_jobs)
    snapshot, jobs = scan.snapshot, found.jobs
    if outcome is ScanOutcome.COMPLETE and not is_consistent(found):
        earlier, scan = found, PageScan(pages)
        outcome, found = await scan.run(len(earlier.pages), max_jobs)
        snapshot, jobs = scan.snapshot, found.jobs
        if outcome is ScanOutcome.COMPLETE and not confirms(found, earlier):
            reverse_scan = await read_in_reverse(pages, found.pages)
            snapshot, jobs = reverse_scan.snapshot, reverse_scan.jobs
    if outcome is ScanOutcome.COMPLETE:
        paginator.hints.pages[query] = jobs // found.page_length + 1
    return ScanResult(outcome, snapshot)


class PageScan:
    """Reads pages concurrently; jobs are counted as they come, and not kept."""

    def __init__(self, pages: QueryPages) -> None:
        self.snapshot = pages.paginator.new_snapshot()
        self._pages = pages
        self._records: list[PageRecord] = []
        self._has_new_job = False
        self._started = asyncio.get_running_loop().time()

    async def run(
        self, number: int, max_jobs: int | None
    ) -> tuple[ScanOutcome, PagesRead]:
        """
        Read `number` pages at once, and then those that turn out to be missing.

        Stops early if there are more than `max_jobs` jobs, or others than requested.
        Raises `CollectionError`.
        """
        query = self._pages.query
        while True:
            found = await self._read_up_to(number)
            if max_jobs is not None and found.total > max_jobs:
                return ScanOutcome.TOO_MANY_JOBS, found
            if not obeys(query, found, self.snapshot.counts):
                return ScanOutcome.FILTER_IGNORED, found
            if is_exhausted(found):
                return ScanOutcome.COMPLETE, found
            _raise_if_repeated(found)
            more = max(0, found.total - found.jobs) // found.longest + 1
            _raise_if_endless(found, number + more)
            # An API may report the total of all jobs although a status was requested.
            max_new = 0 if query.statuses else _MAX_NEW_PAGES
            number += min(more, max(number, max_new))

    async def _read_up_to(self, last: int) -> PagesRead:
        numbers = range(len(self._records) + 1, last + 1)
        self._records += await run_together(self._count(number) for number in numbers)
        return PagesRead(self._pages.size, tuple(self._records), self._has_new_job)

    async def _count(self, number: int) -> PageRecord:
        page = await self._pages.read(number)
        self._has_new_job |= self._is_new(page)
        self.snapshot.add(page, page.rows)
        return record_of(page)

    def _is_new(self, page: Page) -> bool:
        elapsed = asyncio.get_running_loop().time() - self._started
        limit = (page.answered_at - elapsed - _CLOCK_TOLERANCE_SECONDS) * 1000
        # Sorted by creation time: the newest job is the last.
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
