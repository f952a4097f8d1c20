"""Pages of a list that changes while it is read, as the scans need them."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeAlias, TypeVar, cast


ObjectId: TypeAlias = int | str


class Page(Protocol):
    """One answer: some objects of the list, and the total as of the same moment."""

    @property
    def ids(self) -> list[ObjectId]:
        """The objects' IDs."""

    @property
    def total(self) -> int | None:
        """The number of objects on all pages, if reported."""

    @property
    def answered_at(self) -> float:
        """The Unix time of the answer, on the API's clock."""

    @property
    def newest_created(self) -> float | None:
        """When the newest object was created, in milliseconds; None if there is none."""


PageT = TypeVar("PageT", bound=Page)
ContentT = TypeVar("ContentT")


class Pages(Protocol[PageT, ContentT]):
    """A list in pages, sorted by creation, and what its objects are counted in."""

    @property
    def size(self) -> int:
        """How many objects a page is asked for."""

    async def read(self, number: int) -> PageT:
        """Return page `number`, from 1. Raises `CollectionError`."""

    def new_content(self) -> ContentT:
        """Return content without objects."""

    def add(self, content: ContentT, page: PageT, positions: Sequence[int]) -> None:
        """Add the objects at `positions` of `page`. Raises `CollectionError`."""


class PageRecord(NamedTuple):
    """What is remembered of a page: its total and its objects."""

    total: int | None
    ids: array[int] | list[ObjectId]


def record_of(page: Page) -> PageRecord:
    """Return what is remembered of a page."""
    # A number takes 8 bytes in an array and about 75 in a set: sets are made later.
    ids: array[int] | list[ObjectId]
    try:
        ids = array("q", cast("list[int]", page.ids))
    except (TypeError, OverflowError):
        # Texts, or numbers of more than 64 bits.
        ids = page.ids
    return PageRecord(page.total, ids)
