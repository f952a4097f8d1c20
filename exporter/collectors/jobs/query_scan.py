"""Lists the jobs of a query, in pages that the API accepts, and within limits."""

from __future__ import annotations

from dataclasses import replace

from ...errors import CollectionError
from ..consistency import PagesRead
from ..page_scan import ScanOutcome, ScanResult, scan_pages
from ..pages import Pages
from .aggregates import JobCounts
from .api import ALL_JOBS, Query
from .incremental_pages import IncrementalPages
from .pages import Page
from .paginator import SMALL_PAGE, Paginator, PagingHints, may_accept_small_pages
from .snapshot import Snapshot


async def list_jobs(
    paginator: Paginator, max_jobs: int | None = None
) -> ScanResult[Snapshot]:
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
        hints.finished = smaller.finished
        return result


async def list_query(
    paginator: Paginator, query: Query, max_jobs: int | None = None
) -> ScanResult[Snapshot]:
    """List the jobs of `query` unless there are more than `max_jobs`. Raises `CollectionError`."""
    pages = paginator.pages(query)
    number = paginator.hints.pages.get(query, 1)
    if max_jobs is not None:
        # The last listing may have had no limit.
        number = min(number, max_jobs // pages.size + 1)

    def stop(read: PagesRead, snapshot: Snapshot) -> ScanOutcome | None:
        if max_jobs is not None and read.total > max_jobs:
            return ScanOutcome.TOO_MANY
        if not obeys(query, read, snapshot.counts):
            return ScanOutcome.FILTER_IGNORED
        return None

    # An API may report the total of all jobs although a status was requested.
    trusts_total = not query.statuses
    scanned: Pages[Page, Snapshot] = pages
    if query == ALL_JOBS:
        scanned = IncrementalPages(pages, paginator.hints.finished)
    result = await scan_pages(scanned, number, stop, trusts_total=trusts_total)
    if result.outcome is ScanOutcome.COMPLETE:
        paginator.hints.pages[query] = result.pages
    return result


def obeys(query: Query, read: PagesRead, counts: JobCounts) -> bool:
    """Return whether the listed jobs, counted in `counts`, match the filter of `query`."""
    if not query.statuses:
        return True
    listed = sum(counts.statuses.get(status, 0) for status in query.statuses)
    has_contradiction = read.total > 0 and not read.pages[0].ids
    return listed == read.number and not has_contradiction
