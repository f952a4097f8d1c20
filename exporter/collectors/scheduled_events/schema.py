"""
The answers of the API, decoded into the needed fields.

Source: ModelArts API reference, `ListScheduledEvents`. Times are texts in UTC.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ..item_pages import TextId
from ..numbers import Number, to_unix_time


class EventRow(msgspec.Struct, rename="camel", gc=False):
    """An event in the list."""

    id: TextId
    type: str | None = None
    state: str | None = None
    pool_name: str | None = None
    publish_time: str | None = None
    not_before: str | None = None

    @property
    def object_id(self) -> str:
        """Its ID."""
        return self.id

    @property
    def created(self) -> float | None:
        """When it was published, in milliseconds."""
        published = to_unix_time(self.publish_time)
        return None if published is None else published * 1000


class EventListing(msgspec.Struct):
    """A page of events; `count` is of all pages."""

    events: list[EventRow] | None = None
    count: Number = None


scheduled_events: Final = msgspec.json.Decoder(EventListing)
