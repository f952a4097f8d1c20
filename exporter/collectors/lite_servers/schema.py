"""
The answer of the API, decoded into the needed fields.

Source: ModelArts API reference, `ListAllDevServers`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ..item_pages import TextId
from ..numbers import Number


class LiteServerRow(msgspec.Struct, gc=False):
    """A server in the list."""

    id: TextId
    status: str | None = None
    flavor: str | None = None
    charging_mode: str | None = None

    @property
    def object_id(self) -> str:
        """Its ID."""
        return self.id

    @property
    def created(self) -> float | None:
        """None: the list has no second page that it could be needed for."""
        return None


class LiteServerListing(msgspec.Struct):
    """The list of all servers."""

    data: list[LiteServerRow] | None = None
    total: Number = None


lite_servers: Final = msgspec.json.Decoder(LiteServerListing)
