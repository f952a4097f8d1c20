"""Pages of lists whose offset counts items, as most products of ModelArts have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import QueryParams

from .replies import Json


@dataclass(frozen=True, slots=True)
class ItemPage:
    """The part of a list that is asked for."""

    offset: int
    limit: int

    @classmethod
    def read(cls, query: QueryParams, default: int, most: int) -> ItemPage:
        """Parse `offset` and `limit`. Raises `ValueError`."""
        page = cls(int(query.get("offset", 0)), int(query.get("limit", default)))
        if page.offset < 0 or not 1 <= page.limit <= most:
            raise ValueError(page)
        return page

    def of(self, rows: Sequence[Json]) -> list[Json]:
        """Return the rows of this page."""
        return list(rows[self.offset : self.offset + self.limit])

    def listing(self, rows: Sequence[Json], first_number: int = 0) -> Json:
        """Return the page as `data`, with totals; pages count from `first_number`."""
        found = self.of(rows)
        return {
            "current": first_number + self.offset // self.limit,
            "data": found,
            "pages": -(-len(rows) // self.limit),
            "size": len(found),
            "total": len(rows),
        }
