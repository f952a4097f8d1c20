"""Pages of lists whose offset counts items, and whose rows are few enough to keep."""

from __future__ import annotations

import math

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, Protocol, TypeAlias, TypeVar

from msgspec import Meta

from ..cloud.session import Answer
from .page_scan import ScanResult, scan_pages
from .pages import ObjectId


TextId: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=128, pattern=r"^[!-~]+$")
]
"""An object's ID; never truncated or corrected, since it must stay unique."""


class Row(Protocol):
    """An object in a list."""

    @property
    def object_id(self) -> str:
        """Its ID."""

    @property
    def created(self) -> float | None:
        """When it was created, in milliseconds; None if unknown."""


T = TypeVar("T")
RowT = TypeVar("RowT", bound=Row)


@dataclass(frozen=True, slots=True)
class ItemPage(Generic[RowT]):
    """A page of a list, with the total as of the same moment."""

    rows: Sequence[RowT]
    total: int | None
    answered_at: float

    @property
    def ids(self) -> list[ObjectId]:
        """The objects' IDs."""
        return [row.object_id for row in self.rows]

    @property
    def newest_created(self) -> float | None:
        """When the newest object was created; infinite if that may be now."""
        created = [row.created for row in self.rows]
        known = [time for time in created if time is not None]
        return math.inf if len(known) < len(created) else max(known, default=None)


Read: TypeAlias = Callable[[int, int], Awaitable[ItemPage[RowT]]]
"""Asks for so many objects, from an offset on. Raises `CollectionError`."""


@dataclass(frozen=True, slots=True)
class ItemPages(Generic[RowT]):
    """A list in pages of `size` objects, which are kept."""

    read_items: Read[RowT]
    size: int

    async def read(self, number: int) -> ItemPage[RowT]:
        """Return page `number`, from 1. Raises `CollectionError`."""
        return await self.read_items((number - 1) * self.size, self.size)

    def new_content(self) -> list[RowT]:
        """Return a list without objects."""
        return []

    def add(
        self, content: list[RowT], page: ItemPage[RowT], positions: Sequence[int]
    ) -> None:
        """Add the objects at `positions` of `page`."""
        content += [page.rows[position] for position in positions]


async def list_items(
    read: Read[RowT], size: int, pages: int = 1
) -> ScanResult[list[RowT]]:
    """List all objects, at first `pages` pages of `size`. Raises `CollectionError`."""
    return await scan_pages(ItemPages(read, size), pages)


def item_page(
    answer: Answer[T], rows: Sequence[RowT] | None, total: int | None, size: int
) -> ItemPage[RowT]:
    """
    Return the page that `answer` lists; `size` objects were requested.

    Raises `CollectionError` if it is not a list of at most so many.
    """
    if rows is None:
        if total != 0:
            raise answer.unexpected("it holds no list")
        rows = ()
    if len(rows) > size:
        raise answer.unexpected(f"it lists {len(rows)}, but {size} were requested")
    return ItemPage(rows, total, answer.answered_at)
