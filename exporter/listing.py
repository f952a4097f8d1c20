"""
One consistent listing from pages that move while they are read.

Pages are positions in a list sorted by creation time: a new job lands at the end, and
a deleted one draws all later jobs forward, perhaps across the edge of a page that was
just read. Nothing may be counted twice and nothing that existed all along be missed.

All pages are asked for together. That first walk stands if nothing can have moved:
every page tells the same total, as many different jobs were seen, and none was created
since the walk began (a deletion whose effect a creation hides from the totals shows
its new job on the last page, or draws a job onto two pages). Else a second walk stands
if it finds nothing that the first had not. Else pages are read one by one from the
last to the first: jobs only ever move forward, so none can slip past the reader.
"""

from __future__ import annotations

import asyncio

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from .errors import CollectionError, Failure, Reason
from .payloads import Job, Page, creation_times, fold, identities
from .refusals import refuses_a_parameter
from .tally import Quota, Tally


SMALL_PAGE: Final = 100
"""The page size that every deployment accepts."""

# Creation times can be cut to seconds, and another machine's clock than the gateway's.
_CLOCK_TOLERANCE_SECONDS: Final = 2.0
_SPARE_PAGES: Final = 10
_MOST_PAGES: Final = 65_535


@dataclass(frozen=True, slots=True)
class Answer:
    """A page, and when the API's clock said that it was answered (Unix time)."""

    page: Page
    answered_at: float


class Fetch(Protocol):
    """Asks for a page, counted from 1; raises `CollectionError`."""

    async def __call__(self, number: int, size: int) -> Answer:
        """Return page `number` of pages with `size` jobs."""


@dataclass(slots=True)
class Habit:
    """What a listing learned for the next one: how large pages may be, how many."""

    page_size: int
    pages: int = 1


@dataclass(frozen=True, slots=True)
class Listing:
    """The jobs of one project and kind, and their limits."""

    tally: Tally
    quota: Quota


async def list_jobs(
    fetch: Fetch, habit: Habit, new_tally: Callable[[], Tally]
) -> Listing:
    """Return the complete listing. Raises `CollectionError`."""
    try:
        return await _list(fetch, habit, new_tally)
    except CollectionError as error:
        if habit.page_size <= SMALL_PAGE or not refuses_a_parameter(error.failure):
            raise
        smaller = Habit(SMALL_PAGE)
        listing = await _list(fetch, smaller, new_tally)
        habit.page_size, habit.pages = smaller.page_size, smaller.pages
        return listing


async def _list(fetch: Fetch, habit: Habit, new_tally: Callable[[], Tally]) -> Listing:
    first = _Walk(fetch, habit.page_size, new_tally())
    await first.together(habit.pages)
    walk = first
    if not first.is_undisturbed():
        walk = _Walk(fetch, habit.page_size, new_tally())
        await walk.together(first.pages)
        if not walk.confirms(first):
            last = walk.pages
            walk = _Walk(fetch, habit.page_size, new_tally())
            await walk.backwards(last)
    habit.pages = walk.jobs // walk.page_length + 1
    return Listing(walk.tally, walk.quota)


class _Walk:
    """One reading of all pages; pages are folded as they come and not kept."""

    def __init__(self, fetch: Fetch, size: int, tally: Tally) -> None:
        self.tally = tally
        self.quota = Quota()
        self.pages = 0
        self._fetch = fetch
        self._size = size
        self._lengths: dict[int, int] = {}
        self._totals: set[int | None] = set()
        self._ids: set[int | str] = set()
        self._repeated = False
        self._saw_new_job = False
        self._clock = asyncio.get_running_loop().time
        self._started = self._clock()

    @property
    def page_length(self) -> int:
        """How many jobs a full page has: the API may give fewer than asked for."""
        return self._longest if self.jobs > self._longest else self._size

    @property
    def _longest(self) -> int:
        return max(1, *self._lengths.values(), 0)

    @property
    def jobs(self) -> int:
        """How many different jobs were seen."""
        return len(self._ids)

    async def together(self, pages: int) -> None:
        """Read `pages` pages at once, and then what else there turns out to be."""
        while True:
            numbers = range(self.pages + 1, pages + 1)
            await _all(self._take(number) for number in numbers)
            self.pages = pages
            if self._is_exhausted():
                return
            pages += max(0, self._missing()) // self._longest + 1
            self._check_end(pages)

    async def backwards(self, last: int) -> None:
        """Read all pages, one after the other, from the last to the first."""
        while True:
            await self._take(last)
            if self._lengths[last] < self._size:
                break
            last += 1
            self._check_end(last)
        self.pages = last
        for number in range(last - 1, 0, -1):
            if number not in self._lengths:
                await self._take(number)

    def is_undisturbed(self) -> bool:
        """Tell whether nothing can have moved during the walk."""
        return (
            not self._repeated
            and not self._saw_new_job
            and self._totals == {len(self._ids)}
        )

    def confirms(self, earlier: _Walk) -> bool:
        """Tell whether this walk, after `earlier`, is complete."""
        if self._repeated or not self._ids <= earlier._ids:
            return False
        return self._totals == {len(self._ids)} or self._ids == earlier._ids

    async def _take(self, number: int) -> None:
        answer = await self._fetch(number, self._size)
        jobs = answer.page.jobs or []
        self._lengths[number] = len(jobs)
        self._totals.add(answer.page.total)
        self.quota = answer.page.quota
        before = len(self._ids)
        new = self._unseen(jobs)
        self._repeated |= len(self._ids) - before < len(jobs)
        self._saw_new_job |= self._has_new_job(jobs, answer.answered_at)
        fold(new, self.tally)

    def _unseen(self, jobs: list[Job]) -> list[Job]:
        ids = identities(jobs)
        if len(set(ids)) == len(ids) and self._ids.isdisjoint(ids):
            self._ids.update(ids)
            return jobs
        unseen = []
        for job, job_id in zip(jobs, ids, strict=True):
            if job_id not in self._ids:
                self._ids.add(job_id)
                unseen.append(job)
        return unseen

    def _has_new_job(self, jobs: list[Job], answered_at: float) -> bool:
        began = answered_at - (self._clock() - self._started)
        limit = (began - _CLOCK_TOLERANCE_SECONDS) * 1000
        # Sorted by creation time, a page has its newest job at its end.
        return max(creation_times(jobs[-1:]), default=0) >= limit

    def _missing(self) -> int:
        known = [total for total in self._totals if total is not None]
        return max(known, default=0) - len(self._ids)

    def _is_exhausted(self) -> bool:
        length = self._lengths[self.pages]
        return length == 0 or (length < self._size and self._totals == {len(self._ids)})

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


async def _all(coroutines: Iterable[Coroutine[None, None, None]]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in coroutines:
                group.create_task(coroutine)
    except* CollectionError as errors:
        raise _first(errors) from None


def _first(errors: BaseExceptionGroup[CollectionError]) -> CollectionError:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if not isinstance(error, CollectionError):
        raise error
    return error
