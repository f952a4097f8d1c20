"""Looks for finished jobs that counts by status do not show."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

from ..concurrency import run_together
from ..contradictions import raise_if_contradictory
from ..numbers import to_millis_list
from ..page_scan import ScanOutcome
from ..statuses import Status
from .api import NEWEST_JOBS, Query
from .completions import CompletionObserver
from .job import Job
from .pages import Page
from .paginator import Paginator
from .query_scan import list_query
from .snapshot import Snapshot


_MAX_SEARCH_LENGTH: Final = 64


async def find_completions(paginator: Paginator, snapshot: Snapshot) -> None:
    """
    Let the observer of `snapshot` look at the finished jobs that were only counted.

    Those are the newest jobs, and jobs that were unfinished in the baseline and have not
    been seen since, which are searched by name. Deleted jobs are not found. Raises
    `CollectionError`.
    """
    if snapshot.complete:
        return
    observer = snapshot.observer
    if observer.baseline.since is None:
        await _list_unfinished_again(paginator, observer)
    newest, snapshot.newest_page = snapshot.newest_page, None
    if newest is not None:
        await _read_newest(paginator, observer, newest)
    seen = observer.unfinished.keys() | observer.finished.keys()
    before = observer.baseline.unfinished
    await run_together(
        _search(paginator, observer, job)
        for job_id, job in before.items()
        if job_id not in seen and job.name
    )


async def _list_unfinished_again(
    paginator: Paginator, observer: CompletionObserver
) -> None:
    # A job that starts after the running jobs were listed and before the waiting ones is
    # on neither list; if another job was counted twice, the numbers add up nevertheless.
    # Later, the baseline has such a job. The first time, its end would be missed.
    async def list_again(selection: tuple[Status, ...]) -> None:
        result = await list_query(paginator, Query(selection))
        if result.outcome is ScanOutcome.COMPLETE:
            observer.unfinished |= result.content.unfinished

    await run_together(list_again(each) for each in paginator.api.unfinished)


async def _read_newest(
    paginator: Paginator, observer: CompletionObserver, newest: Page
) -> None:
    async for page in _back_in_time(paginator, NEWEST_JOBS, newest):
        observer.observe(page)
        if not _may_continue(page, observer.horizon):
            return


async def _search(paginator: Paginator, observer: CompletionObserver, job: Job) -> None:
    name = job.name[:_MAX_SEARCH_LENGTH]
    query = Query(name=name, newest_first=True)
    newest = await paginator.pages(query).read(1)
    async for page in _back_in_time(paginator, query, newest):
        if is_found := job.job_id in page.ids:
            row = page.rows[page.ids.index(job.job_id)]
            observer.observe(replace(page, rows=[row]))
        names = [str(row.job_name).casefold() for row in page.rows]
        is_filtered = all(name.casefold() in found for found in names)
        if is_found or not is_filtered or not _may_continue(page, job.created):
            return


async def _back_in_time(
    paginator: Paginator, query: Query, newest: Page
) -> AsyncIterator[Page]:
    """
    Yield `newest`, the first page of `query`, and then pages of older and older jobs.

    These are read in order of creation, from the last page to the first: a deleted job
    moves younger ones to pages that are read later. With the newest first, it would move
    older ones to a page that has been read already.
    """
    yield newest
    length = len(newest.rows)
    number_of_pages = -(-(newest.total or 0) // max(1, length))
    pages = paginator.pages(replace(query, newest_first=False))
    # The last page would be the jobs of `newest`.
    for number in range(number_of_pages - 1, 0, -1):
        page = await pages.read(number)
        raise_if_contradictory(page, number, length)
        yield page


def _may_continue(page: Page, since: int | None) -> bool:
    """Return whether jobs older than `page` may have been created at `since` or later."""
    created = to_millis_list([row.create_time for row in page.rows], "create_time")
    # A page is empty if jobs were deleted meanwhile.
    return since is not None and (not page.rows or min(created, default=-1) >= since)
