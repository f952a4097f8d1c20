"""A single inference service."""

from __future__ import annotations

from dataclasses import dataclass

from ..phases import Phase
from ..statuses import Status
from .statuses import CONCERNING


@dataclass(frozen=True, slots=True)
class ServiceKind:
    """What services are counted by; `type` is `real_time`, `batch` and so on."""

    type: str
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """
    A service; `changed` is when its status did, in milliseconds since the epoch.

    `has_end` says whether it stops by itself. The numbers of calls are since its
    creation, and None where the API does not report them.
    """

    service_id: str
    name: str
    kind: ServiceKind
    changed: int | None
    has_end: bool
    invocations: int | None = None
    failed_invocations: int | None = None

    @property
    def is_running(self) -> bool:
        """Whether it serves, or a batch is under way."""
        return self.kind.status.phase is Phase.RUNNING

    @property
    def is_in_transition(self) -> bool:
        """Whether it is in a status that it should leave."""
        status = self.kind.status
        return status.phase is Phase.PENDING or status == CONCERNING
