"""
One consistent listing from pages that move while they are read.

Pages are positions in a list sorted by creation time: a new job lands at the end, and
a deleted one draws all later jobs forward, perhaps across the edge of a page that was
just read. Nothing may be counted twice and nothing that existed all along be missed.

All pages are asked for together. That first walk stands if nothing can have moved:
every page tells the same total, as many different jobs were seen, and none was created
since the walk began (a deletion whose effect a creation hides from the totals shows
its new job on the last page, or draws a job onto two pages). Else a second walk stands
if it finds nothing that the first had not, and just as many jobs as every page tells.
Else pages are read one by one from the last to the first, past which no job can slip.
"""

from __future__ import annotations

import asyncio

from array import array
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from itertools import chain, islice
from operator import eq
from typing import Final, Protocol, TypeVar, cast

from .census import Census
from .contradictions import ContradictionError, raise_if_too_long
from .errors import CollectionError, Failure, Reason
from .jobs import JobId
from .modelarts import ALL_JOBS, Query
from .payloads import Page, times
from .refusals import refuses_a_parameter
from .reverse import PageRecord, read_in_reverse, record_of


SMALL_PAGE: Final = 100
"""The page size that every deployment accepts."""

# Creation times can be cut to seconds, and another machine's clock than the gateway's.
_CLOCK_TOLERANCE_SECONDS: Final = 2.0
_SPARE_PAGES: Final = 10
_MOST_PAGES: Final = 65_535
_MOST_PAGES_AT_FIRST: Final = 32
"""Beyond these, as many pages are asked for as were answered: a total may be wrong."""

T = TypeVar("T")


class Fetch(Protocol):
    """Asks for a page, counted from 1; raises `CollectionError`."""

    async def __call__(self, query: Query, number: int, size: int) -> Page:
        """Return page `number` of pages with `size` jobs."""


@dataclass(slots=True)
class Habit:
    """What a listing learned for the next one: how large pages may be, how many."""

    page_size: int
    pages: dict[Query, int] = field(default_factory=dict)


async def list_jobs(
    fetch: Fetch,
    habit: Habit,
    new_census: Callable[[], Census],
    most: int | None = None,
) -> Census | None:
    """
    Return the complete listing; None if there are more than `most` jobs.

    Raises `CollectionError`.
    """
    try:
        return await list_query(fetch, habit, new_census, ALL_JOBS, most)
    except CollectionError as error:
        if not may_do_with_small_pages(habit.page_size, error.failure):
            raise
        smaller = Habit(SMALL_PAGE)
        census = await list_query(fetch, smaller, new_census, ALL_JOBS, most)
        habit.page_size, habit.pages = smaller.page_size, smaller.pages
        return census


def may_do_with_small_pages(size: int, failure: Failure) -> bool:
    """Tell whether pages of `size` jobs may have failed for that size alone."""
    return size > SMALL_PAGE and refuses_a_parameter(failure)


async def list_query(
    fetch: Fetch,
    habit: Habit,
    new_census: Callable[[], Census],
    query: Query,
    most: int | None = None,
) -> Census | None:
    """
    Return what all pages of `query` hold.

    None if that is more than `most` jobs, or not what was asked for: an API may ignore
    the statuses in a query. Raises `CollectionError`.
    """
    first = _Walk(fetch, query, habit.page_size, new_census())
    pages = habit.pages.get(query, 1)
    if most is not None:
        # The last listing may have been one without a limit.
        pages = min(pages, most // habit.page_size + 1)
    if not await first.together(pages, most):
        return None
    walk = first
    if not first.is_undisturbed():
        walk = _Walk(fetch, query, habit.page_size, new_census())
        if not await walk.together(first.pages, most):
            return None
        if not walk.confirms(first):
            scan = await read_in_reverse(
                walk.read, habit.page_size, new_census, walk.pages, walk.records
            )
            habit.pages[query] = scan.jobs // walk.page_length + 1
            return scan.census
    habit.pages[query] = walk.jobs // walk.page_length + 1
    return walk.census


class _Walk:
    """One reading of all pages; pages are counted as they come and not kept."""

    def __init__(self, fetch: Fetch, query: Query, size: int, census: Census) -> None:
        self.census = census
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

    async def together(self, pages: int, most: int | None) -> bool:
        """
        Read `pages` pages at once, and then what else there turns out to be.

        Return False as soon as that is more than `most` jobs, or not what was asked for.
        """
        while True:
            numbers = range(self.pages + 1, pages + 1)
            await run_together(self._take(number) for number in numbers)
            self.pages = pages
            if (most is not None and self._total > most) or not self._obeys_the_query():
                return False
            if self._is_exhausted():
                return True
            self._check_that_pages_differ()
            more = max(0, self._total - self.jobs) // self._longest + 1
            self._check_end(pages + more)
            # The total of a query by status may be that of all jobs, against the rules.
            at_first = 0 if self._query.statuses else _MOST_PAGES_AT_FIRST
            pages += min(more, max(pages, at_first))

    def is_undisturbed(self) -> bool:
        """Tell whether nothing can have moved during the walk."""
        return (
            not self._saw_new_job
            and self._totals == {self.jobs}
            and not self._has_repeated()
        )

    def confirms(self, earlier: _Walk) -> bool:
        """Tell whether this walk, after `earlier`, is complete."""
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
        self.census.quota = page.quota
        self.census.add(page, page.rows)

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
        created = times([row.create_time for row in page.rows[-1:]], "create_time")
        return max(created, default=0) >= limit

    def _obeys_the_query(self) -> bool:
        wanted = self._query.statuses
        if not wanted:
            return True
        statuses = self.census.tally.statuses
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
        expected = min(totals, default=_MOST_PAGES) // self._longest
        if pages > min(_MOST_PAGES, 2 * expected + _SPARE_PAGES):
            raise CollectionError(
                Failure(
                    reason=Reason.RESPONSE,
                    problem=f"the list does not end: {pages - 1} pages, and "
                    f"{min(totals, default=0)} jobs by the API's own count",
                    advice="report it to the cloud's support",
                )
            )


async def run_together(coroutines: Iterable[Coroutine[None, None, T]]) -> list[T]:
    """Run them all at once; the first `CollectionError` ends the others."""
    failed: list[CollectionError] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
    except* CollectionError as errors:
        failed.append(_first(errors))
    # Raised within except*, it would be in a group again: Python 3.11.2 does that.
    if failed:
        try:
            raise failed[0]
        finally:
            # They hold an error that holds this frame: what was read would stay in
            # memory until the garbage collector comes by.
            del failed, group, tasks
    return [task.result() for task in tasks]


def _first(errors: BaseExceptionGroup[CollectionError]) -> CollectionError:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if not isinstance(error, CollectionError):
        raise error
    return error
