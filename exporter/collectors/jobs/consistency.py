"""Decides whether the pages of a list that may have changed have each job once."""

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
    """What is remembered of all pages of a scan."""

    size: int
    """The number of jobs requested per page."""

    pages: tuple[PageRecord, ...]
    has_new_job: bool
    """Whether a job was created since the scan began."""

    @property
    def jobs(self) -> int:
        """The number of jobs on all pages; a job on two pages counts twice."""
        return sum(len(page.ids) for page in self.pages)

    @property
    def totals(self) -> set[int | None]:
        """The totals that the pages report."""
        return {page.total for page in self.pages}

    @property
    def total(self) -> int:
        """The largest total, or 0 if no page reports one."""
        return max((total for total in self.totals if total is not None), default=0)

    @property
    def longest(self) -> int:
        """The number of jobs on the longest page, at least 1."""
        return max(1, 0, *(len(page.ids) for page in self.pages))

    @property
    def page_length(self) -> int:
        """The number of jobs on a full page: the API may return fewer than requested."""
        return self.longest if self.jobs > self.longest else self.size

    @property
    def identities(self) -> set[JobId]:
        """The IDs of the jobs."""
        return set(chain.from_iterable(page.ids for page in self.pages))


def obeys(query: Query, read: PagesRead, counts: JobCounts) -> bool:
    """Return whether the listed jobs, counted in `counts`, match the filter of `query`."""
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
    """Return whether nothing can have changed while the pages were read."""
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
    # If no page reports a total, the same jobs twice must do.
    return read.totals == {read.jobs} or (
        read.totals == {None} and seen == seen_earlier
    )


def _has_repeated_jobs(read: PagesRead) -> bool:
    pages = [page.ids for page in read.pages]
    if not all(isinstance(ids, array) for ids in pages):
        return len(read.identities) < read.jobs
    # A sorted list takes half of the memory of a set.
    numbers = sorted(chain.from_iterable(cast("list[array[int]]", pages)))
    return any(map(eq, numbers, islice(numbers, 1, None)))
