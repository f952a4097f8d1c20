"""Pages of lists whose offset counts items, as most products of ModelArts have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .endpoints import Call
from .replies import Json


@dataclass(frozen=True, slots=True)
class ItemPage:
    """The part of a list that is asked for."""

    offset: int
    limit: int

    @classmethod
    def read(cls, call: Call, default: int, most: int, least: int = 1) -> ItemPage:
        """Parse `offset` and `limit`; 0 is the default's. Raises `ValueError`."""
        offset = int(call.query.get("offset", 0))
        limit = int(call.query.get("limit", default))
        if offset < 0 or not least <= limit <= most:
            raise ValueError(offset, limit)
        return cls(0 if call.dialect.ignores_offsets else offset, limit or default)

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
