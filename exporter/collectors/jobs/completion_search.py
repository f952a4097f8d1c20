"""Looks for completed jobs that counts by status do not show."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

from ..concurrency import run_together
from ..numbers import to_millis_list
from .aggregates import empty_counts
from .api import NEWEST_JOBS, JobsApi, Query
from .contradictions import raise_if_contradictory
from .job import Job
from .page_scan import FetchPage, PagingHints, ScanOutcome, list_query
from .pages import Page
from .snapshot import Snapshot
from .statuses import JobStatus


_LONGEST_SEARCH: Final = 64


async def find_completions(
    fetch: FetchPage, api: JobsApi, hints: PagingHints, snapshot: Snapshot
) -> None:
    """
    Add the completions that the baseline of `snapshot` asks for and that counts do not
    show.

    They are those of young jobs, which are the first of all if the newest come first,
    and of jobs that went on before and no longer do, which are looked up by name. A job
    that was deleted is not found. Raises `CollectionError`.
    """
    if snapshot.complete:
        return
    if snapshot.baseline.since is None:
        await _look_again(fetch, api, hints, snapshot)
    await _read_back(fetch, hints, snapshot)
    known = (
        snapshot.unfinished.keys()
        | snapshot.unfinished_not_counted.keys()
        | snapshot.ended.keys()
    )
    gone = [
        job
        for job_id, job in snapshot.baseline.unfinished.items()
        if job_id not in known
    ]
    await run_together(_find(fetch, hints, snapshot, job) for job in gone if job.name)


async def _look_again(
    fetch: FetchPage, api: JobsApi, hints: PagingHints, snapshot: Snapshot
) -> None:
    # A job that starts after the running ones were listed, and before the waiting ones,
    # is on neither list; numbers add up all the same if another job was counted twice.
    # Later such a job is known, and looked up. At first, its end would not be noticed.
    def new_snapshot() -> Snapshot:
        return Snapshot(
            empty_counts(snapshot.counts.bounds, api.statuses),
            api.status_of,
            snapshot.baseline,
        )

    async def look(selection: tuple[JobStatus, ...]) -> None:
        result = await list_query(fetch, hints, new_snapshot, Query(selection))
        if result.outcome is ScanOutcome.COMPLETE:
            snapshot.unfinished_not_counted |= result.snapshot.unfinished

    await run_together(look(selection) for selection in api.unfinished)


async def _read_back(fetch: FetchPage, hints: PagingHints, snapshot: Snapshot) -> None:
    newest, snapshot.newest_page = snapshot.newest_page, None
    if newest is None:
        return
    async for page in _back_in_time(fetch, NEWEST_JOBS, hints.page_size, newest):
        snapshot.observe(page)
        if not _goes_on(page, snapshot.horizon):
            return


async def _find(
    fetch: FetchPage, hints: PagingHints, snapshot: Snapshot, job: Job
) -> None:
    name = job.name[:_LONGEST_SEARCH]
    query = Query(name=name, newest_first=True)
    newest = await fetch(query, 1, hints.page_size)
    async for page in _back_in_time(fetch, query, hints.page_size, newest):
        if is_there := job.job_id in page.ids:
            row = page.rows[page.ids.index(job.job_id)]
            snapshot.observe(replace(page, rows=[row]))
        names = [str(row.job_name).casefold() for row in page.rows]
        is_search = all(name.casefold() in found for found in names)
        if is_there or not is_search or not _goes_on(page, job.created):
            return


async def _back_in_time(
    fetch: FetchPage, query: Query, size: int, newest: Page
) -> AsyncIterator[Page]:
    """
    Yield `newest`, the first page of `query`, and then pages of ever older jobs.

    Those are asked for in order of creation, from the last page to the first: a job
    that is deleted draws younger ones to earlier pages, which are read later. Newest
    first, it would draw older ones to a page that has been read already.
    """
    yield newest
    length = len(newest.rows)
    oldest_first = replace(query, newest_first=False)
    # All that was on the last page then, newest first, is on the page yielded above.
    for number in range(_number_of_pages(newest) - 1, 0, -1):
        page = await fetch(oldest_first, number, size)
        raise_if_contradictory(page, number, length)
        yield page


def _goes_on(page: Page, since: int | None) -> bool:
    """Return whether there may be a job that is older than `page` but not than `since`."""
    created = to_millis_list([row.create_time for row in page.rows], "create_time")
    # A page without jobs was the last one, before jobs were deleted.
    return since is not None and (not page.rows or min(created, default=-1) >= since)


def _number_of_pages(page: Page) -> int:
    """Return how many pages as long as this one there are, by the API's own count."""
    return -(-(page.total or 0) // max(1, len(page.rows)))
