"""
The v1 answers, decoded into the needed fields.

Source: ModelArts API reference, "Obtaining Services". Numbers may come as texts, and
the workspace as a number.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ..item_pages import TextId
from ..numbers import Number, to_limit, to_millis
from ..texts import label_word, plain
from .service import Service, ServiceKind
from .statuses import SERVICE_STATUSES


class V1Service(msgspec.Struct, gc=False):
    """A service in a v1 list; times in milliseconds."""

    service_id: TextId
    service_name: str | None = None
    status: str | None = None
    infer_type: str | None = None
    publish_at: Number = None
    transition_at: Number = None
    due_time: Number = None
    invocation_times: Number = None
    failed_times: Number = None
    workspace_id: str | int | None = None

    @property
    def object_id(self) -> str:
        """Its ID."""
        return self.service_id

    @property
    def created(self) -> float | None:
        """When it was created; None where that is in seconds. Raises `CollectionError`."""
        return to_millis(self.publish_at, "publish_at")

    def service(self) -> Service:
        """Return the service that it describes. Raises `CollectionError`."""
        return Service(
            service_id=self.service_id,
            name=plain(self.service_name or ""),
            kind=ServiceKind(
                label_word(self.infer_type or "unknown"),
                SERVICE_STATUSES.of(self.status),
            ),
            changed=to_millis(self.transition_at, "transition_at"),
            has_end=to_millis(self.due_time, "due_time") is not None,
            invocations=to_limit(self.invocation_times, "invocation_times"),
            failed_invocations=to_limit(self.failed_times, "failed_times"),
        )


class V1Services(msgspec.Struct):
    """A page of services; `total_count` is of all pages."""

    services: list[V1Service] | None = None
    total_count: Number = None


v1_services: Final = msgspec.json.Decoder(V1Services)
