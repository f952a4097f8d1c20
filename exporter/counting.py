"""
Counts instead of a list, where a project has more jobs than are worth listing.

The API tells how many jobs a query finds. So jobs that have ended are counted by their
status, one small request each, and only those that go on are listed: the cost follows
them, not the history. These numbers are told one after the other, while jobs move. They
stand if they add up to the number of all jobs and no job was listed under two statuses;
else those that jobs move out of are asked for again, then those that they move into.
"""

from __future__ import annotations

import asyncio

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from typing import Final

from .census import Census
from .contradictions import (
    ContradictionError,
    contradiction_of,
    length_of_pages,
    raise_if_contradictory,
)
from .errors import CollectionError
from .jobs import Job, JobId, Status
from .listing import Fetch, Habit, list_jobs, list_query, run_together
from .modelarts import JobsApi, Query
from .payloads import Page, times
from .refusals import refuses_a_parameter
from .tally import empty_tally


_ROUNDS: Final = 4
_DISTRUST_SECONDS: Final = 3600.0
_LONGEST_SEARCH: Final = 64
_STAY_BELOW: Final = 0.9
"""Jobs are listed again from this share of the limit on, lest it goes to and fro."""

_NEWEST: Final = Query(newest_first=True)


@dataclass(slots=True)
class Method:
    """How the jobs of one project and kind were collected, for the next time."""

    habit: Habit
    counts: bool = False
    distrusted_until: float = 0.0
    """Until when counts are not asked for, on the event loop's clock."""

    distrusted: bool = False
    """Whether the last counts could not be used."""


async def collect_jobs(
    fetch: Fetch,
    api: JobsApi,
    method: Method,
    new_census: Callable[[], Census],
    most: int,
) -> Census:
    """
    Return all jobs if there are at most `most`, else their numbers and those that go on.

    Also returns all where the API's numbers cannot be relied on. Raises
    `CollectionError`.
    """
    now = asyncio.get_running_loop().time()
    if now >= method.distrusted_until:
        if not method.counts:
            census = await list_jobs(fetch, method.habit, new_census, most)
            if census is not None:
                return census
        count = Count(fetch, api, method.habit, new_census)
        census = await count.taken()
        method.distrusted = census is None
        method.counts = count.total > most * _STAY_BELOW
        if census is not None:
            return census
        if count.is_hopeless:
            method.distrusted_until = now + _DISTRUST_SECONDS
    census = await list_jobs(fetch, method.habit, new_census)
    if census is None:
        raise AssertionError("a listing without a limit ends complete or not at all")
    return census


async def find_ends(fetch: Fetch, api: JobsApi, habit: Habit, census: Census) -> None:
    """
    Add the ends that `census` watches for and that numbers do not show.

    They are those of young jobs, which are the first of all if the newest come first,
    and of jobs that went on before and no longer do, which are looked up by name. A job
    that was deleted is not found. Raises `CollectionError`.
    """
    if census.complete:
        return
    if census.watch.since is None:
        await _look_again(fetch, api, habit, census)
    await _read_back(fetch, habit, census)
    known = census.unfinished.keys() | census.elsewhere.keys() | census.ended.keys()
    gone = [
        job for job_id, job in census.watch.unfinished.items() if job_id not in known
    ]
    await run_together(_find(fetch, habit, census, job) for job in gone if job.name)


async def _look_again(fetch: Fetch, api: JobsApi, habit: Habit, census: Census) -> None:
    # A job that starts after the running ones were listed, and before the waiting ones,
    # is on neither list; numbers add up all the same if another job was counted twice.
    # Later such a job is known, and looked up. At first, its end would not be noticed.
    async def look(selection: tuple[Status, ...]) -> None:
        again = Census(
            empty_tally(census.tally.bounds, api.statuses), api.status_of, census.watch
        )
        found = await list_query(fetch, habit, lambda: again, Query(selection))
        if found is not None:
            census.elsewhere |= found.unfinished

    await run_together(look(selection) for selection in api.unfinished)


async def _read_back(fetch: Fetch, habit: Habit, census: Census) -> None:
    newest, census.newest_page = census.newest_page, None
    if newest is None:
        return
    async for page in _back_in_time(fetch, _NEWEST, habit.page_size, newest):
        census.notice(page)
        if not _goes_on(page, census.horizon):
            return


async def _find(fetch: Fetch, habit: Habit, census: Census, job: Job) -> None:
    name = job.name[:_LONGEST_SEARCH]
    query = Query(name=name, newest_first=True)
    newest = await fetch(query, 1, habit.page_size)
    async for page in _back_in_time(fetch, query, habit.page_size, newest):
        if is_there := job.job_id in page.ids:
            row = page.rows[page.ids.index(job.job_id)]
            census.notice(replace(page, rows=[row]))
        names = [str(row.job_name).casefold() for row in page.rows]
        is_search = all(name.casefold() in found for found in names)
        if is_there or not is_search or not _goes_on(page, job.created):
            return


async def _back_in_time(
    fetch: Fetch, query: Query, size: int, newest: Page
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
    """Tell whether there may be a job that is older than `page` but not than `since`."""
    created = times([row.create_time for row in page.rows], "create_time")
    # A page without jobs was the last one, before jobs were deleted.
    return since is not None and (not page.rows or min(created, default=-1) >= since)


def _number_of_pages(page: Page) -> int:
    """Return how many pages as long as this one there are, by the API's own count."""
    return -(-(page.total or 0) // max(1, len(page.rows)))


class Count:
    """Numbers by status that are asked for, and asked for again, until they add up."""

    def __init__(
        self,
        fetch: Fetch,
        api: JobsApi,
        habit: Habit,
        new_census: Callable[[], Census],
    ) -> None:
        self.total = 0
        self.is_hopeless = False
        """Whether asking again will not help: the API does not count as expected."""

        self._fetch = fetch
        self._api = api
        self._habit = habit
        self._new_census = new_census
        self._newest: Page | None = None
        self._listed: dict[tuple[Status, ...], Census] = {}
        self._counted: dict[tuple[Status, ...], int] = {}
        self._differences: set[int] = set()

    async def taken(self) -> Census | None:
        """Return what the numbers say; None if they cannot be relied on."""
        try:
            return await self._taken()
        except CollectionError as error:
            if not refuses_a_parameter(error.failure):
                raise
            self.is_hopeless = True
            return None

    async def _taken(self) -> Census | None:
        unfinished = [self._list(selection) for selection in self._api.unfinished]
        finished = [self._count(selection) for selection in self._api.finished]
        await run_together([self._ask_newest(), *unfinished, *finished])
        for again in range(1, _ROUNDS + 1):
            if self._adds_up():
                return self._census()
            if self.is_hopeless or again == _ROUNDS:
                break
            await run_together([self._ask_newest(), *self._moved(again)])
        # What is missing every time is in a status that nobody asked for.
        self.is_hopeless |= len(self._differences) == 1 and 0 not in self._differences
        return None

    def _moved(self, again: int) -> Iterable[Coroutine[None, None, None]]:
        # In turns: jobs leave the statuses that go on, and later reach an end.
        if again % 2:
            return [self._list(selection) for selection in self._api.unfinished]
        return [self._count(selection) for selection in self._api.finished]

    async def _ask_newest(self) -> None:
        page = await self._fetch(_NEWEST, 1, self._habit.page_size)
        self._newest = page
        length = length_of_pages(page, self._habit.page_size)
        contradiction = contradiction_of(page, 1, length)
        self.is_hopeless |= page.total is None or contradiction is not None
        self.total = page.total or 0

    async def _list(self, selection: tuple[Status, ...]) -> None:
        query = Query(selection)
        try:
            census = await list_query(self._fetch, self._habit, self._new_census, query)
        except ContradictionError:
            census = None
        if census is None:
            self.is_hopeless = True
        else:
            self._listed[selection] = census

    async def _count(self, selection: tuple[Status, ...]) -> None:
        page = await self._fetch(Query(selection), 1, 1)
        told = {self._api.status_of(row.status) for row in page.rows}
        is_obeyed = told <= set(selection) and contradiction_of(page, 1, 1) is None
        if page.total is None or not is_obeyed:
            self.is_hopeless = True
        else:
            self._counted[selection] = page.total

    def _adds_up(self) -> bool:
        if self.is_hopeless:
            return False
        listed = [census.tally.number for census in self._listed.values()]
        missing = self.total - sum(listed) - sum(self._counted.values())
        self._differences.add(missing)
        ids: set[JobId] = set()
        for census in self._listed.values():
            ids |= census.unfinished.keys()
        return missing == 0 and len(ids) == sum(listed)

    def _census(self) -> Census:
        census = self._new_census()
        census.complete = False
        for listed in self._listed.values():
            census.absorb(listed)
        for (status,), number in self._counted.items():
            census.tally.statuses[status] = number
        if self._newest is not None:
            census.quota = self._newest.quota
            census.newest_page = self._newest
            census.notice(self._newest)
        return census
