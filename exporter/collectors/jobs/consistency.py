"""Decides whether pages of a list that may have moved meanwhile hold each job once."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from itertools import chain, islice
from operator import eq
from typing import cast

from .aggregates import JobCounts
from .api import Query
from .job import JobId
from .reverse_scan import PageRecord


@dataclass(frozen=True, slots=True)
class PagesRead:
    """What is remembered of all pages read, from the first on."""

    size: int
    """How many jobs a page was asked for."""

    pages: tuple[PageRecord, ...]
    has_new_job: bool
    """Whether there is a job that was created since the reading began."""

    @property
    def jobs(self) -> int:
        """How many jobs the pages have, those on two pages twice."""
        return sum(len(page.ids) for page in self.pages)

    @property
    def totals(self) -> set[int | None]:
        """The numbers of all jobs that the pages tell."""
        return {page.total for page in self.pages}

    @property
    def total(self) -> int:
        """The largest of them, or 0 if no page tells one."""
        return max((total for total in self.totals if total is not None), default=0)

    @property
    def longest(self) -> int:
        """How many jobs the longest page has, at least one."""
        return max(1, 0, *(len(page.ids) for page in self.pages))

    @property
    def page_length(self) -> int:
        """How many jobs a full page has: the API may give fewer than asked for."""
        return self.longest if self.jobs > self.longest else self.size

    @property
    def identities(self) -> set[JobId]:
        """The IDs of the jobs."""
        return set(chain.from_iterable(page.ids for page in self.pages))


def obeys(query: Query, read: PagesRead, counts: JobCounts) -> bool:
    """Return whether the jobs that were read, counted in `counts`, are those of `query`."""
    if not query.statuses:
        return True
    listed = sum(counts.statuses.get(status, 0) for status in query.statuses)
    has_contradiction = read.total > 0 and not read.pages[0].ids
    return listed == read.jobs and not has_contradiction


def is_exhausted(read: PagesRead) -> bool:
    """Return whether there are no more pages."""
    length = len(read.pages[-1].ids)
    return length == 0 or (length < read.size and read.totals == {read.jobs})


def is_consistent(read: PagesRead) -> bool:
    """Return whether nothing can have moved while the pages were read."""
    return (
        not read.has_new_job
        and read.totals == {read.jobs}
        and not _has_repeated_jobs(read)
    )


def confirms(read: PagesRead, earlier: PagesRead) -> bool:
    """Return whether `read`, after `earlier`, is complete."""
    seen, seen_earlier = read.identities, earlier.identities
    if len(seen) < read.jobs or not seen <= seen_earlier:
        return False
    # Where no page tells a total, the same jobs twice have to do.
    return read.totals == {read.jobs} or (
        read.totals == {None} and seen == seen_earlier
    )


def _has_repeated_jobs(read: PagesRead) -> bool:
    pages = [page.ids for page in read.pages]
    if not all(isinstance(ids, array) for ids in pages):
        return len(read.identities) < read.jobs
    # Sorted, numbers take half of the memory that a set of them takes.
    numbers = sorted(chain.from_iterable(cast("list[array[int]]", pages)))
    return any(map(eq, numbers, islice(numbers, 1, None)))
