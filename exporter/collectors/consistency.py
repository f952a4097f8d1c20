"""Decides whether the pages of a list that may have changed have each object once."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from itertools import chain, islice
from operator import eq
from typing import cast

from .pages import ObjectId, PageRecord


@dataclass(frozen=True, slots=True)
class PagesRead:
    """What is remembered of all pages of a scan."""

    size: int
    """The number of objects requested per page."""

    pages: tuple[PageRecord, ...]
    has_new: bool
    """Whether an object was created since the scan began."""

    @property
    def number(self) -> int:
        """The number of objects on all pages; one on two pages counts twice."""
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
        """The number of objects on the longest page, at least 1."""
        return max(1, 0, *(len(page.ids) for page in self.pages))

    @property
    def page_length(self) -> int:
        """The number of objects on a full page: the API may return fewer than requested."""
        return self.longest if self.number > self.longest else self.size

    @property
    def identities(self) -> set[ObjectId]:
        """The IDs of the objects."""
        return set(chain.from_iterable(page.ids for page in self.pages))


def is_exhausted(read: PagesRead) -> bool:
    """Return whether there are no more pages."""
    length = len(read.pages[-1].ids)
    return length == 0 or (length < read.size and read.totals == {read.number})


def is_consistent(read: PagesRead) -> bool:
    """Return whether nothing can have changed while the pages were read."""
    return not read.has_new and read.totals == {read.number} and not _has_repeated(read)


def confirms(read: PagesRead, earlier: PagesRead) -> bool:
    """Return whether `read`, after `earlier`, is complete."""
    seen, seen_earlier = read.identities, earlier.identities
    if len(seen) < read.number or not seen <= seen_earlier:
        return False
    # If no page reports a total, the same objects twice must do.
    return read.totals == {read.number} or (
        read.totals == {None} and seen == seen_earlier
    )


def _has_repeated(read: PagesRead) -> bool:
    pages = [page.ids for page in read.pages]
    if not all(isinstance(ids, array) for ids in pages):
        return len(read.identities) < read.number
    # A sorted list takes half of the memory of a set.
    numbers = sorted(chain.from_iterable(cast("list[array[int]]", pages)))
    return any(map(eq, numbers, islice(numbers, 1, None)))
