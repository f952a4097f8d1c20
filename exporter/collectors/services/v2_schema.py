"""
The v2 answers, decoded into the needed fields.

Source: ModelArts API reference, `ListInferServices`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ..item_pages import TextId
from ..numbers import Number, to_millis
from ..texts import label_word, plain
from .service import Service, ServiceKind
from .statuses import SERVICE_STATUSES


class Schedule(msgspec.Struct, gc=False):
    """What is planned for a service; `due_time` in milliseconds."""

    due_time: Number = None
    type: str | None = None
    processed: bool | None = None

    @property
    def is_stop_to_come(self) -> bool:
        """Whether it will stop the service. Raises `CollectionError`."""
        is_stop = (self.type or "").upper() == "STOP" and not self.processed
        return is_stop and to_millis(self.due_time, "due_time") is not None


class V2Service(msgspec.Struct):
    """A service in a v2 list; times in milliseconds."""

    id: TextId
    name: str | None = None
    status: str | None = None
    type: str | None = None
    create_at: Number = None
    update_at: Number = None
    schedule: list[Schedule] | None = None
    workspace_id: str | int | None = None

    @property
    def object_id(self) -> str:
        """Its ID."""
        return self.id

    @property
    def created(self) -> float | None:
        """When it was created. Raises `CollectionError`."""
        return to_millis(self.create_at, "create_at")

    def service(self) -> Service:
        """Return the service that it describes. Raises `CollectionError`."""
        return Service(
            service_id=self.id,
            name=plain(self.name or ""),
            kind=ServiceKind(
                label_word(self.type or "unknown"), SERVICE_STATUSES.of(self.status)
            ),
            changed=to_millis(self.update_at, "update_at"),
            has_end=any(planned.is_stop_to_come for planned in self.schedule or ()),
        )


class V2Services(msgspec.Struct):
    """A page of services; `total` is of all pages."""

    data: list[V2Service] | None = None
    total: Number = None


v2_services: Final = msgspec.json.Decoder(V2Services)
