"""
Reads a list that changes from its last page to the first.

Objects only move forward, so none can be missed. One that moved to the next page
meanwhile is read twice and counted once.

The API itself may be wrong. A change of the list explains neither an answer that
contradicts itself, nor more objects on two pages than the totals decrease by, nor totals
that are off by the same number each time. Such a scan is repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Generic, TypeAlias

from .contradictions import ContradictionError, contradiction_of, length_of_pages
from .pages import (
    ContentT,
    ObjectId,
    PageRecord,
    Pages,
    PageT,
    record_of,
)


_MAX_SCANS: Final = 3


PageRecords: TypeAlias = Mapping[int, PageRecord]
"""By page number."""


async def read_in_reverse(
    pages: Pages[PageT, ContentT], records: Sequence[PageRecord]
) -> ReverseScan[PageT, ContentT]:
    """
    Return a scan without contradictions; `records` are those of the scan before.

    Raises `ContradictionError` if contradictions persist, and `CollectionError`.
    """
    last = len(records)
    earlier: PageRecords = dict(enumerate(records, 1))
    contradiction = ""
    for _ in range(_MAX_SCANS):
        scan = ReverseScan(pages)
        found = await scan.run(last, earlier)
        if found is None:
            return scan
        contradiction = found
        if _is_unchanged(scan.records, earlier):
            break
        last, earlier = max(last, scan.last), scan.records
    raise ContradictionError(f"{contradiction}, also when asked again")


class ReverseScan(Generic[PageT, ContentT]):
    """One scan, from page `last` on; `content` has the `number` different objects."""

    def __init__(self, pages: Pages[PageT, ContentT]) -> None:
        self.content = pages.new_content()
        self.last = 0
        self.records: dict[int, PageRecord] = {}
        self._pages = pages
        self._seen: set[ObjectId] = set()
        self._repeated = 0
        self._decrease = 0

    @property
    def number(self) -> int:
        """The number of different objects."""
        return len(self._seen)

    async def run(self, last: int, earlier: PageRecords) -> str | None:
        """
        Read the pages, and return the first contradiction in words, if there is one.

        `earlier` is the scan before, whose last page was `last`. Raises `CollectionError`.
        """
        first = await self._pages.read(1)
        length = length_of_pages(first, self._pages.size)
        if first.total is None:
            self.last = await self._find_last(last)
        else:
            self.last = max(1, last, -(-first.total // length))
        for number in range(self.last, 0, -1):
            page = first if self.last == 1 else await self._pages.read(number)
            self.records[number] = record_of(page)
            why = contradiction_of(page, number, length)
            if why is not None:
                return why
            self._count(page, self.records.get(number + 1))
        return self._contradiction(earlier)

    async def _find_last(self, number: int) -> int:
        # Without a total, only an empty page shows where the list ends.
        previous = None
        while (page := await self._pages.read(number)).ids:
            if page.ids == previous:
                raise ContradictionError(
                    f"pages {number - 1} and {number} are the same"
                )
            previous = page.ids
            number += 1
        return max(1, number - 1)

    def _count(self, page: PageT, later: PageRecord | None) -> None:
        positions = []
        for position, found in enumerate(page.ids):
            if found not in self._seen:
                self._seen.add(found)
                positions.append(position)
        self._repeated += len(page.ids) - len(positions)
        if later is not None:
            self._decrease += max(0, (later.total or 0) - (page.total or 0))
        self._pages.add(self.content, page, positions)

    def _contradiction(self, earlier: PageRecords) -> str | None:
        totals = {record.total for record in self.records.values()}
        if len(totals) > 1 and None in totals:
            return "some pages report a total, and some do not"
        if self._repeated > self._decrease:
            return (
                f"{self._repeated} objects are on two pages, though the total decreased "
                f"by {self._decrease}"
            )
        if totals - {None, self.number} and _is_unchanged(self.records, earlier):
            counted = " and ".join(map(str, sorted(total or 0 for total in totals)))
            return f"there are {self.number} objects, but the total is {counted}"
        return None


def _is_unchanged(records: PageRecords, earlier: PageRecords) -> bool:
    """Return whether pages that were read in both scans are the same."""
    both = records.keys() & earlier.keys()
    return all(records[number] == earlier[number] for number in both)
