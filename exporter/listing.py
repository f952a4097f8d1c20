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

from array import array
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from itertools import chain, islice
from operator import eq
from typing import Final, Protocol, cast

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
            pages = walk.pages
            walk = _Walk(fetch, habit.page_size, new_tally())
            await walk.backwards(pages)
    habit.pages = walk.jobs // walk.page_length + 1
    return Listing(walk.tally, walk.quota)


class _Walk:
    """One reading of all pages; pages are folded as they come and not kept."""

    def __init__(self, fetch: Fetch, size: int, tally: Tally) -> None:
        self.tally = tally
        self.quota = Quota()
        self.pages = 0
        self.jobs = 0
        self._fetch = fetch
        self._size = size
        self._lengths: dict[int, int] = {}
        self._totals: set[int | None] = set()
        self._ids: list[array[int] | list[int | str]] = []
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

    async def backwards(self, pages: int) -> None:
        """
        Read `pages` pages, one after the other, from the last to the first.

        A job that has moved forward meanwhile comes twice; it is folded once.
        """
        seen: set[int | str] = set()
        for number in range(pages, 0, -1):
            new = []
            jobs = await self._read(number)
            for job, job_id in zip(jobs, identities(jobs), strict=True):
                if job_id not in seen:
                    seen.add(job_id)
                    new.append(job)
            self._fold(new)

    def is_undisturbed(self) -> bool:
        """Tell whether nothing can have moved during the walk."""
        return (
            not self._saw_new_job
            and self._totals == {self.jobs}
            and not _has_repeated(self._ids)
        )

    def confirms(self, earlier: _Walk) -> bool:
        """Tell whether this walk, after `earlier`, is complete."""
        seen, seen_earlier = self._identities(), earlier._identities()
        if len(seen) < self.jobs or not seen <= seen_earlier:
            return False
        return self._totals == {self.jobs} or seen == seen_earlier

    async def _take(self, number: int) -> None:
        jobs = await self._read(number)
        self._ids.append(_compact(identities(jobs)))
        self._fold(jobs)

    async def _read(self, number: int) -> list[Job]:
        answer = await self._fetch(number, self._size)
        jobs = answer.page.jobs or []
        self._lengths[number] = len(jobs)
        self._totals.add(answer.page.total)
        self._saw_new_job |= self._has_new_job(jobs, answer.answered_at)
        self.quota = answer.page.quota
        return jobs

    def _fold(self, jobs: list[Job]) -> None:
        self.jobs += len(jobs)
        fold(jobs, self.tally)

    def _identities(self) -> set[int | str]:
        return set(chain.from_iterable(self._ids))

    def _has_new_job(self, jobs: list[Job], answered_at: float) -> bool:
        began = answered_at - (self._clock() - self._started)
        limit = (began - _CLOCK_TOLERANCE_SECONDS) * 1000
        # Sorted by creation time, a page has its newest job at its end.
        return max(creation_times(jobs[-1:]), default=0) >= limit

    def _missing(self) -> int:
        known = [total for total in self._totals if total is not None]
        return max(known, default=0) - self.jobs

    def _is_exhausted(self) -> bool:
        length = self._lengths[self.pages]
        return length == 0 or (length < self._size and self._totals == {self.jobs})

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


def _has_repeated(pages: list[array[int] | list[int | str]]) -> bool:
    if not all(isinstance(ids, array) for ids in pages):
        seen = list(chain.from_iterable(pages))
        return len(set(seen)) < len(seen)
    # Sorted, numbers take half of the memory that a set of them takes.
    numbers = sorted(chain.from_iterable(cast("list[array[int]]", pages)))
    return any(map(eq, numbers, islice(numbers, 1, None)))


def _compact(ids: list[int | str]) -> array[int] | list[int | str]:
    # A number in an array takes 8 bytes, in a set about 75: sets come afterwards.
    numbers = [job_id for job_id in ids if isinstance(job_id, int)]
    try:
        return array("q", numbers) if len(numbers) == len(ids) else ids
    except OverflowError:
        return ids


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
