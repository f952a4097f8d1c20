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

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

import structlog

from ...cloud.error_codes import rejects_parameter
from ...errors import CollectionError
from ..concurrency import run_together
from .api import NEWEST_JOBS, JobsApi, Query
from .contradictions import ContradictionError, contradiction_of, length_of_pages
from .job import JobId
from .page_scan import (
    FetchPage,
    PagingHints,
    ScanOutcome,
    ScanResult,
    list_jobs,
    list_jobs_up_to,
    list_query,
)
from .pages import Page
from .snapshot import Snapshot
from .statuses import JobStatus


log: Final = structlog.get_logger(__name__)

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

    labels: Mapping[str, str] = field(default_factory=dict)
    """Whose jobs they are and which API lists them, for the log."""


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
    was_unreliable = state.counts_unreliable
    if now >= state.counts_unreliable_until:
        if not state.is_counting:
            match await list_jobs_up_to(max_jobs, fetch, state.hints, new_snapshot):
                case ScanResult(ScanOutcome.COMPLETE, listed):
                    return listed
        result = await Count(fetch, api, state.hints, new_snapshot).take()
        state.is_counting = result.total > max_jobs * _STAY_BELOW
        state.counts_unreliable = isinstance(result.counted, CountProblem)
        if isinstance(result.counted, Snapshot):
            return result.counted
        if result.counted is CountProblem.UNSUPPORTED:
            state.counts_unreliable_until = now + _UNRELIABLE_SECONDS
    snapshot = await list_jobs(fetch, state.hints, new_snapshot)
    if state.counts_unreliable and not was_unreliable:
        log.warning(
            "the API's numbers of jobs by status do not add up: all are listed",
            **state.labels,
            jobs=snapshot.counts.number,
        )
    return snapshot


class CountProblem(Enum):
    """Why counts by status cannot be relied on."""

    JOBS_MOVED = "jobs moved each time: the next collection asks again"
    UNSUPPORTED = "the API does not count as expected: asking again will not help"


@dataclass(frozen=True, slots=True)
class CountResult:
    """The number of all jobs by the API's own count, and what the counts by status say."""

    total: int
    counted: Snapshot | CountProblem


class Count:
    """Numbers by status that are asked for, and asked for again, until they add up."""

    def __init__(
        self,
        fetch: FetchPage,
        api: JobsApi,
        hints: PagingHints,
        new_snapshot: Callable[[], Snapshot],
    ) -> None:
        self._fetch = fetch
        self._api = api
        self._hints = hints
        self._new_snapshot = new_snapshot
        self._total = 0
        self._is_unsupported = False
        self._newest: Page | None = None
        self._listed: dict[tuple[JobStatus, ...], Snapshot] = {}
        self._counted: dict[tuple[JobStatus, ...], int] = {}
        self._differences: set[int] = set()

    async def take(self) -> CountResult:
        """Return what the counts say. Raises `CollectionError`."""
        try:
            counted = await self._take()
        except CollectionError as error:
            if not rejects_parameter(error.failure):
                raise
            counted = CountProblem.UNSUPPORTED
        return CountResult(self._total, counted)

    async def _take(self) -> Snapshot | CountProblem:
        unfinished = [self._list(selection) for selection in self._api.unfinished]
        finished = [self._count(selection) for selection in self._api.finished]
        await run_together([self._ask_newest(), *unfinished, *finished])
        for again in range(1, _ROUNDS + 1):
            if self._is_unsupported:
                return CountProblem.UNSUPPORTED
            if self._adds_up():
                return self._snapshot()
            if again < _ROUNDS:
                await run_together([self._ask_newest(), *self._moved(again)])
        # What is missing every time is in a status that nobody asked for.
        is_constant = len(self._differences) == 1 and 0 not in self._differences
        return CountProblem.UNSUPPORTED if is_constant else CountProblem.JOBS_MOVED

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
        self._is_unsupported |= page.total is None or contradiction is not None
        self._total = page.total or 0

    async def _list(self, selection: tuple[JobStatus, ...]) -> None:
        try:
            result = await list_query(
                self._fetch, self._hints, self._new_snapshot, Query(selection)
            )
        except ContradictionError:
            self._is_unsupported = True
            return
        if result.outcome is ScanOutcome.COMPLETE:
            self._listed[selection] = result.snapshot
        else:
            self._is_unsupported = True

    async def _count(self, selection: tuple[JobStatus, ...]) -> None:
        page = await self._fetch(Query(selection), 1, 1)
        statuses = {self._api.status_of(row.status) for row in page.rows}
        is_obeyed = statuses <= set(selection) and contradiction_of(page, 1, 1) is None
        if page.total is None or not is_obeyed:
            self._is_unsupported = True
        else:
            self._counted[selection] = page.total

    def _adds_up(self) -> bool:
        listed = [snapshot.counts.number for snapshot in self._listed.values()]
        missing = self._total - sum(listed) - sum(self._counted.values())
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
