"""
Lists all objects of a list consistently, although it may change meanwhile.

Pages are positions in a list sorted by creation time. A new object is appended; a
deleted one moves all later ones forward, perhaps onto a page that has been read already.
No object may be counted twice, and none that exists all the time may be missed.

The first scan reads all pages concurrently. It stands if nothing can have moved: every
page reports the same total, there are as many different objects, and none was created
since the scan began. (If a deletion and a creation leave the total unchanged, the new
object is on the last page, or some object is on two pages.) Otherwise, a second scan
stands if it finds nothing that the first did not, and as many as every page reports.
Otherwise, pages are read one by one from the last to the first, which cannot miss any.
"""

from __future__ import annotations

import asyncio

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Generic

from ..errors import CollectionError, Failure, Reason
from .concurrency import run_together
from .consistency import PagesRead, confirms, is_consistent, is_exhausted
from .contradictions import ContradictionError
from .pages import ContentT, PageRecord, Pages, PageT, record_of
from .reverse_scan import read_in_reverse


# Creation times may be cut to seconds, and come from another clock than the gateway's.
_CLOCK_TOLERANCE_SECONDS: Final = 2.0
_SPARE_PAGES: Final = 10
_MAX_PAGES: Final = 65_535
_MAX_NEW_PAGES: Final = 32
"""
Beyond these, no more pages are requested at once than were answered: the total may be
wrong.
"""


class ScanOutcome(Enum):
    """How the scan of a list's pages ended."""

    COMPLETE = "all objects were listed"
    TOO_MANY = "there are more objects than may be listed"
    FILTER_IGNORED = "the API listed other objects than requested"


@dataclass(frozen=True, slots=True)
class ScanResult(Generic[ContentT]):
    """
    How a scan ended; `content` has the objects read until then.

    `pages` is how many pages the next scan had better ask for at once.
    """

    outcome: ScanOutcome
    content: ContentT
    pages: int = 1


def _go_on(read: PagesRead, content: ContentT) -> ScanOutcome | None:
    return None


async def scan_pages(
    pages: Pages[PageT, ContentT],
    number: int = 1,
    stop: Callable[[PagesRead, ContentT], ScanOutcome | None] = _go_on,
    *,
    trusts_total: bool = True,
) -> ScanResult[ContentT]:
    """
    List all objects, asking for `number` pages at first, unless `stop` says why not.

    With `trusts_total`, all pages that the total implies are asked for together. Raises
    `CollectionError`.
    """

    def scan() -> PageScan[PageT, ContentT]:
        return PageScan(pages, stop, _MAX_NEW_PAGES if trusts_total else 0)

    first = scan()
    outcome, found = await first.run(number)
    content, listed = first.content, found.number
    if outcome is ScanOutcome.COMPLETE and not is_consistent(found):
        earlier, second = found, scan()
        outcome, found = await second.run(len(earlier.pages))
        content, listed = second.content, found.number
        if outcome is ScanOutcome.COMPLETE and not confirms(found, earlier):
            reverse_scan = await read_in_reverse(pages, found.pages)
            content, listed = reverse_scan.content, reverse_scan.number
    if outcome is not ScanOutcome.COMPLETE:
        return ScanResult(outcome, content)
    return ScanResult(outcome, content, listed // found.page_length + 1)


class PageScan(Generic[PageT, ContentT]):
    """Reads pages concurrently; objects are counted as they come, and not kept."""

    def __init__(
        self,
        pages: Pages[PageT, ContentT],
        stop: Callable[[PagesRead, ContentT], ScanOutcome | None],
        max_new_pages: int,
    ) -> None:
        self.content = pages.new_content()
        self._pages = pages
        self._stop = stop
        self._max_new_pages = max_new_pages
        self._records: list[PageRecord] = []
        self._has_new = False
        self._started = asyncio.get_running_loop().time()

    async def run(self, number: int) -> tuple[ScanOutcome, PagesRead]:
        """
        Read `number` pages at once, and then those that turn out to be missing.

        Raises `CollectionError`.
        """
        while True:
            found = await self._read_up_to(number)
            outcome = self._stop(found, self.content)
            if outcome is not None:
                return outcome, found
            if is_exhausted(found):
                return ScanOutcome.COMPLETE, found
            _raise_if_repeated(found)
            more = max(0, found.total - found.number) // found.longest + 1
            _raise_if_endless(found, number + more)
            number += min(more, max(number, self._max_new_pages))

    async def _read_up_to(self, last: int) -> PagesRead:
        numbers = range(len(self._records) + 1, last + 1)
        self._records += await run_together(self._count(number) for number in numbers)
        return PagesRead(self._pages.size, tuple(self._records), self._has_new)

    async def _count(self, number: int) -> PageRecord:
        page = await self._pages.read(number)
        self._has_new |= self._is_new(page)
        self._pages.add(self.content, page, range(len(page.ids)))
        return record_of(page)

    def _is_new(self, page: PageT) -> bool:
        elapsed = asyncio.get_running_loop().time() - self._started
        limit = (page.answered_at - elapsed - _CLOCK_TOLERANCE_SECONDS) * 1000
        created = page.newest_created
        return created is not None and created >= limit


def _raise_if_repeated(found: PagesRead) -> None:
    # Without a total, pages that repeat would never end.
    number = len(found.pages)
    if found.totals == {None} and number > 1:
        before, last = found.pages[-2:]
        if last.ids == before.ids:
            raise ContradictionError(f"pages {number - 1} and {number} are the same")


def _raise_if_endless(found: PagesRead, pages: int) -> None:
    totals = [total for total in found.totals if total is not None]
    expected = min(totals, default=_MAX_PAGES) // found.longest
    if pages > min(_MAX_PAGES, 2 * expected + _SPARE_PAGES):
        raise CollectionError(
            Failure(
                reason=Reason.RESPONSE,
                problem=f"the list does not end: {pages - 1} pages, and "
                f"{min(totals, default=0)} objects by the API's own count",
                advice="report it to the cloud's support",
            )
        )
