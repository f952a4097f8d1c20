"""
Counts by status instead of a list, where a project has too many jobs to list.

The API reports how many jobs a query finds. So jobs that have ended are counted by
their status, one small request each, and only those that go on are listed: the cost
follows them, not the history. These numbers are read one after the other, while jobs
move. They stand if they add up to the number of all jobs and no job was listed under
two statuses; else those that jobs move out of are asked for again, then those that they
move into.
"""

from __future__ import annotations

import asyncio

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Final

from ...cloud.error_codes import rejects_parameter
from ...errors import CollectionError
from ..concurrency import run_together
from .aggregates import empty_counts
from .api import NEWEST_JOBS, JobsApi, Query
from .contradictions import ContradictionError, contradiction_of, length_of_pages
from .job import JobId
from .page_scan import FetchPage, PagingHints, list_jobs, list_query
from .pages import Page
from .snapshot import Snapshot
from .statuses import JobStatus


_ROUNDS: Final = 4
_UNRELIABLE_SECONDS: Final = 3600.0
_STAY_BELOW: Final = 0.9
"""
Jobs are listed again from this share of the limit on, so that it does not switch back
and forth.
"""


@dataclass(slots=True)
class CountingState:
    """How the jobs of one project and kind were collected, for the next time."""

    hints: PagingHints
    is_counting: bool = False
    counts_unreliable_until: float = 0.0
    """Until when counts are not asked for, on the event loop's clock."""

    counts_unreliable: bool = False
    """Whether the last counts could not be used."""


async def collect_jobs(
    fetch: FetchPage,
    api: JobsApi,
    state: CountingState,
    new_snapshot: Callable[[], Snapshot],
    max_jobs: int,
) -> Snapshot:
    """
    Return all jobs if there are at most `max_jobs`, else their numbers and those that go on.

    Also returns all where the API's numbers cannot be relied on. Raises
    `CollectionError`.
    """
    now = asyncio.get_running_loop().time()
    if now >= state.counts_unreliable_until:
        if not state.is_counting:
            snapshot = await list_jobs(fetch, state.hints, new_snapshot, max_jobs)
            if snapshot is not None:
                return snapshot
        count = Count(fetch, api, state.hints, new_snapshot)
        snapshot = await count.taken()
        state.counts_unreliable = snapshot is None
        state.is_counting = count.total > max_jobs * _STAY_BELOW
        if snapshot is not None:
            return snapshot
        if count.filter_unsupported:
            state.counts_unreliable_until = now + _UNRELIABLE_SECONDS
    snapshot = await list_jobs(fetch, state.hints, new_snapshot)
    if snapshot is None:
        raise AssertionError("a listing without a limit ends complete or not at all")
    return snapshot


async def _look_again(
    fetch: FetchPage, api: JobsApi, hints: PagingHints, snapshot: Snapshot
) -> None:
    # A job that starts after the running ones were listed, and before the waiting ones,
    # is on neither list; numbers add up all the same if another job was counted twice.
    # Later such a job is known, and looked up. At first, its end would not be noticed.
    async def look(selection: tuple[JobStatus, ...]) -> None:
        again = Snapshot(
            empty_counts(snapshot.counts.bounds, api.statuses),
            api.status_of,
            snapshot.baseline,
        )
        found = await list_query(fetch, hints, lambda: again, Query(selection))
        if found is not None:
            snapshot.unfinished_not_counted |= found.unfinished

    await run_together(look(selection) for selection in api.unfinished)


class Count:
    """Numbers by status that are asked for, and asked for again, until they add up."""

    def __init__(
        self,
        fetch: FetchPage,
        api: JobsApi,
        hints: PagingHints,
        new_snapshot: Callable[[], Snapshot],
    ) -> None:
        self.total = 0
        self.filter_unsupported = False
        """Whether asking again will not help: the API does not count as expected."""

        self._fetch = fetch
        self._api = api
        self._hints = hints
        self._new_snapshot = new_snapshot
        self._newest: Page | None = None
        self._listed: dict[tuple[JobStatus, ...], Snapshot] = {}
        self._counted: dict[tuple[JobStatus, ...], int] = {}
        self._differences: set[int] = set()

    async def taken(self) -> Snapshot | None:
        """Return what the numbers say; None if they cannot be relied on."""
        try:
            return await self._taken()
        except CollectionError as error:
            if not rejects_parameter(error.failure):
                raise
            self.filter_unsupported = True
            return None

    async def _taken(self) -> Snapshot | None:
        unfinished = [self._list(selection) for selection in self._api.unfinished]
        finished = [self._count(selection) for selection in self._api.finished]
        await run_together([self._ask_newest(), *unfinished, *finished])
        for again in range(1, _ROUNDS + 1):
            if self._adds_up():
                return self._snapshot()
            if self.filter_unsupported or again == _ROUNDS:
                break
            await run_together([self._ask_newest(), *self._moved(again)])
        # What is missing every time is in a status that nobody asked for.
        self.filter_unsupported |= (
            len(self._differences) == 1 and 0 not in self._differences
        )
        return None

    def _moved(self, again: int) -> Iterable[Coroutine[None, None, None]]:
        # Alternately: jobs leave the unfinished statuses, and later reach a final one.
        if again % 2:
            return [self._list(selection) for selection in self._api.unfinished]
        return [self._count(selection) for selection in self._api.finished]

    async def _ask_newest(self) -> None:
        page = await self._fetch(NEWEST_JOBS, 1, self._hints.page_size)
        self._newest = page
        length = length_of_pages(page, self._hints.page_size)
        contradiction = contradiction_of(page, 1, length)
        self.filter_unsupported |= page.total is None or contradiction is not None
        self.total = page.total or 0

    async def _list(self, selection: tuple[JobStatus, ...]) -> None:
        query = Query(selection)
        try:
            snapshot = await list_query(
                self._fetch, self._hints, self._new_snapshot, query
            )
        except ContradictionError:
            snapshot = None
        if snapshot is None:
            self.filter_unsupported = True
        else:
            self._listed[selection] = snapshot

    async def _count(self, selection: tuple[JobStatus, ...]) -> None:
        page = await self._fetch(Query(selection), 1, 1)
        statuses = {self._api.status_of(row.status) for row in page.rows}
        is_obeyed = statuses <= set(selection) and contradiction_of(page, 1, 1) is None
        if page.total is None or not is_obeyed:
            self.filter_unsupported = True
        else:
            self._counted[selection] = page.total

    def _adds_up(self) -> bool:
        if self.filter_unsupported:
            return False
        listed = [snapshot.counts.number for snapshot in self._listed.values()]
        missing = self.total - sum(listed) - sum(self._counted.values())
        self._differences.add(missing)
        ids: set[JobId] = set()
        for snapshot in self._listed.values():
            ids |= snapshot.unfinished.keys()
        return missing == 0 and len(ids) == sum(listed)

    def _snapshot(self) -> Snapshot:
        snapshot = self._new_snapshot()
        snapshot.complete = False
        for listed in self._listed.values():
            snapshot.absorb(listed)
        for (status,), number in self._counted.items():
            snapshot.counts.statuses[status] = number
        if self._newest is not None:
            snapshot.quota = self._newest.quota
            snapshot.newest_page = self._newest
            snapshot.observe(self._newest)
        return snapshot
