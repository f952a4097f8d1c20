"""
A list of jobs that moves, read from its last page to the first.

Jobs only ever move forward, so none can slip past this reader. A job that has moved
onto the next page meanwhile comes twice and is counted once.

What an API says may also be wrong. Movement explains neither an answer that contradicts
itself, nor more jobs on two pages than the totals decrease by, nor totals that differ
in the same way each time. Such a reading is repeated.
"""

from __future__ import annotations

from array import array
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

from .contradictions import ContradictionError, contradiction_of, length_of_pages
from .job import JobId
from .pages import Page
from .snapshot import Snapshot


_MOST_READINGS: Final = 3

ReadPage: TypeAlias = Callable[[int], Awaitable[Page]]
"""Asks for a page, counted from 1; raises `CollectionError`."""


class PageRecord(NamedTuple):
    """What is remembered of a page: its total and its jobs."""

    total: int | None
    ids: array[int] | list[JobId]


PageRecords: TypeAlias = Mapping[int, PageRecord]
"""What is remembered of a reading, by page number."""


def record_of(page: Page) -> PageRecord:
    """Return what is remembered of a page."""
    # A number in an array takes 8 bytes, in a set about 75: sets come afterwards.
    numbers = [job_id for job_id in page.ids if isinstance(job_id, int)]
    try:
        is_compact = len(numbers) == len(page.ids)
        return PageRecord(page.total, array("q", numbers) if is_compact else page.ids)
    except OverflowError:
        return PageRecord(page.total, page.ids)


async def read_in_reverse(
    read: ReadPage,
    size: int,
    new_snapshot: Callable[[], Snapshot],
    pages: int,
    earlier: PageRecords,
) -> ReverseScan:
    """
    Return a reading that can be true of pages with at most `size` jobs.

    `earlier` is the reading before, of `pages` pages. Raises `ContradictionError` if
    what cannot be true persists, and `CollectionError`.
    """
    contradiction = ""
    for _ in range(_MOST_READINGS):
        scan = ReverseScan(read, size, new_snapshot())
        found = await scan.run(pages, earlier)
        if found is None:
            return scan
        contradiction = found
        if _is_repeated(scan.records, earlier):
            break
        pages, earlier = max(pages, scan.pages), scan.records
    raise ContradictionError(f"{contradiction}, also when asked again")


class ReverseScan:
    """One reading; `jobs` are those that `snapshot` has counted, on `pages` pages."""

    def __init__(self, read: ReadPage, size: int, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.jobs = 0
        self.pages = 0
        self.records: dict[int, PageRecord] = {}
        self._read = read
        self._size = size
        self._seen: set[JobId] = set()
        self._repeated = 0
        self._decrease = 0

    async def run(self, pages: int, earlier: PageRecords) -> str | None:
        """
        Read, as far as it can be true, and return in words what cannot; else None.

        `earlier` is the reading before, of `pages` pages. Raises `CollectionError`.
        """
        first = await self._read(1)
        length = length_of_pages(first, self._size)
        if first.total is None:
            self.pages = await self._pages_without_total(pages)
        else:
            self.pages = max(1, pages, -(-first.total // length))
        for number in range(self.pages, 0, -1):
            page = first if self.pages == 1 else await self._read(number)
            self.records[number] = record_of(page)
            why = contradiction_of(page, number, length)
            if why is not None:
                return why
            self._count(page, self.records.get(number + 1))
        return self._contradiction(earlier)

    async def _pages_without_total(self, pages: int) -> int:
        # Only a page without jobs shows where the list ends.
        previous = None
        while (page := await self._read(pages)).rows:
            if page.ids == previous:
                raise ContradictionError(f"pages {pages - 1} and {pages} are the same")
            previous = page.ids
            pages += 1
        return max(1, pages - 1)

    def _count(self, page: Page, later: PageRecord | None) -> None:
        rows = []
        for row, job_id in zip(page.rows, page.ids, strict=True):
            if job_id not in self._seen:
                self._seen.add(job_id)
                rows.append(row)
        self._repeated += len(page.rows) - len(rows)
        if later is not None:
            self._decrease += max(0, (later.total or 0) - (page.total or 0))
        self.jobs += len(rows)
        self.snapshot.quota = page.quota
        self.snapshot.add(page, rows)

    def _contradiction(self, earlier: PageRecords) -> str | None:
        totals = {record.total for record in self.records.values()}
        if len(totals) > 1 and None in totals:
            return "some pages tell a total, and some do not"
        if self._repeated > self._decrease:
            return (
                f"{self._repeated} jobs are on two pages, though the total decreased "
                f"by {self._decrease}"
            )
        if totals - {None, self.jobs} and _is_repeated(self.records, earlier):
            counted = " and ".join(map(str, sorted(total or 0 for total in totals)))
            return f"there are {self.jobs} jobs, but the total is {counted}"
        return None


def _is_repeated(records: PageRecords, earlier: PageRecords) -> bool:
    """Return whether nothing has moved between two readings, as far as pages show it."""
    both = records.keys() & earlier.keys()
    return all(records[number] == earlier[number] for number in both)
