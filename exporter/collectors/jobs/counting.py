"""
Counts jobs by status where a project has too many to list.

The API reports how many jobs a query selects. So finished jobs are counted with one
small request per status, and only unfinished jobs are listed: the cost depends on them,
not on the history. These numbers are read one after the other, while jobs change their
status. They stand if they add up to the number of all jobs and no job was listed under
two statuses. Otherwise the statuses that jobs leave are read again, then those that
they enter.
"""

from __future__ import annotations

import asyncio

from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

import structlog

from ...cloud.error_codes import rejects_parameter
from ...errors import CollectionError
from ..concurrency import run_together
from ..contradictions import ContradictionError, contradiction_of, length_of_pages
from ..page_scan import ScanOutcome
from ..statuses import Status
from .api import NEWEST_JOBS, Query
from .job import JobId
from .pages import Page
from .paginator import Paginator, PagingHints
from .query_scan import list_jobs, list_query
from .snapshot import Snapshot


log: Final = structlog.get_logger(__name__)

_ROUNDS: Final = 4
_UNRELIABLE_SECONDS: Final = 3600.0
_LIST_AGAIN_BELOW: Final = 0.9
"""The share of the limit; the gap prevents switching back and forth."""


@dataclass(slots=True)
class CountingState:
    """What a collection of one project and kind leaves to the next."""

    hints: PagingHints
    is_counting: bool = False
    counts_unreliable_until: float = 0.0
    """Until then, on the event loop's clock, jobs are not counted."""

    counts_unreliable: bool = False
    """Whether the last counts could not be used."""

    labels: Mapping[str, str] = field(default_factory=dict)
    """Project, kind and API, for the log."""


async def collect_jobs(
    paginator: Paginator, state: CountingState, max_jobs: int
) -> Snapshot:
    """
    List all jobs if there are at most `max_jobs`, else count them and list the unfinished.

    Lists all, too, if the API's counts are unreliable. Raises `CollectionError`.
    """
    now = asyncio.get_running_loop().time()
    was_unreliable = state.counts_unreliable
    if now >= state.counts_unreliable_until:
        if not state.is_counting:
            listed = await list_jobs(paginator, max_jobs)
            if listed.outcome is ScanOutcome.COMPLETE:
                return listed.content
        result = await Count(paginator).take()
        state.is_counting = result.total > max_jobs * _LIST_AGAIN_BELOW
        state.counts_unreliable = isinstance(result.counted, CountProblem)
        if isinstance(result.counted, Snapshot):
            return result.counted
        if result.counted is CountProblem.UNSUPPORTED:
            state.counts_unreliable_until = now + _UNRELIABLE_SECONDS
    # Without a limit and a filter, a listing is complete or raises.
    snapshot = (await list_jobs(paginator)).content
    if state.counts_unreliable and not was_unreliable:
        log.warning(
            "the API's numbers of jobs by status do not add up: all are listed",
            **state.labels,
            jobs=snapshot.counts.number,
        )
    return snapshot


class CountProblem(Enum):
    """Why counts by status are unreliable."""

    JOBS_CHANGED = "jobs changed each time: the next collection tries again"
    UNSUPPORTED = "the API does not count as expected: trying again will not help"


@dataclass(frozen=True, slots=True)
class CountResult:
    """The total that the API reports, and the counts by status."""

    total: int
    counted: Snapshot | CountProblem


class Count:
    """Counts jobs by status, again and again until the numbers add up."""

    def __init__(self, paginator: Paginator) -> None:
        self._paginator = paginator
        self._api = paginator.api
        self._total = 0
        self._is_unsupported = False
        self._newest: Page | None = None
        self._listed: dict[tuple[Status, ...], Snapshot] = {}
        self._counted: dict[tuple[Status, ...], int] = {}
        self._differences: set[int] = set()

    async def take(self) -> CountResult:
        """Return the counts. Raises `CollectionError`."""
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
        await run_together([self._read_newest(), *unfinished, *finished])
        for attempt in range(1, _ROUNDS + 1):
            if self._is_unsupported:
                return CountProblem.UNSUPPORTED
            if self._adds_up():
                return self._snapshot()
            if attempt < _ROUNDS:
                await run_together([self._read_newest(), *self._read_again(attempt)])
        # Always as many are missing: jobs have a status that the API reference lacks.
        is_constant = len(self._differences) == 1 and 0 not in self._differences
        return CountProblem.UNSUPPORTED if is_constant else CountProblem.JOBS_CHANGED

    def _read_again(self, attempt: int) -> Iterable[Coroutine[None, None, None]]:
        # Alternately, because jobs leave an unfinished status and enter a final one.
        if attempt % 2:
            return [self._list(selection) for selection in self._api.unfinished]
        return [self._count(selection) for selection in self._api.finished]

    async def _read_newest(self) -> None:
        pages = self._paginator.pages(NEWEST_JOBS)
        page = await pages.read(1)
        self._newest = page
        contradiction = contradiction_of(page, 1, length_of_pages(page, pages.size))
        self._is_unsupported |= page.total is None or contradiction is not None
        self._total = page.total or 0

    async def _list(self, selection: tuple[Status, ...]) -> None:
        try:
            result = await list_query(self._paginator, Query(selection))
        except ContradictionError:
            self._is_unsupported = True
            return
        if result.outcome is ScanOutcome.COMPLETE:
            self._listed[selection] = result.content
        else:
            self._is_unsupported = True

    async def _count(self, selection: tuple[Status, ...]) -> None:
        page = await self._paginator.pages(Query(selection), size=1).read(1)
        statuses = {self._api.status_of(row.status) for row in page.rows}
        is_filtered = statuses <= set(selection)
        if page.total is None or not is_filtered or contradiction_of(page, 1, 1):
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
        snapshot = self._paginator.new_snapshot()
        snapshot.complete = False
        for listed in self._listed.values():
            snapshot.absorb(listed)
        for (status,), number in self._counted.items():
            snapshot.counts.statuses[status] = number
        if self._newest is not None:
            snapshot.quota = self._newest.quota
            snapshot.newest_page = self._newest
            snapshot.observer.observe(self._newest)
        return snapshot
