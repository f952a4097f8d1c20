"""What one collection finds out about a project's services of an API version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...errors import Failure
from ..overview import Overview
from ..phases import Phase
from .service import Service, ServiceKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSnapshot:
    """
    The services, counted; `without_end` are running ones that nothing stops, by type.

    `oldest_transition` is in milliseconds. `selected` have series of their own.
    """

    counts: Mapping[ServiceKind, int]
    without_end: Mapping[str, int]
    oldest_transition: Mapping[ServiceKind, int]
    selected: Sequence[Service] = ()
    partial_failures: tuple[Failure, ...] = ()

    @property
    def number(self) -> int:
        """The number of services."""
        return sum(self.counts.values())

    def overview(self) -> Overview:
        """Return what the status page shows."""
        phases: Counter[Phase] = Counter()
        for kind, number in self.counts.items():
            phases[kind.status.phase] += number
        return Overview(phases=phases)


def oldest_transitions(services: Iterable[Service]) -> dict[ServiceKind, int]:
    """Return since when services are in a status that they should leave."""
    oldest: dict[ServiceKind, int] = {}
    for service in services:
        changed = service.changed
        if service.is_in_transition and changed is not None:
            oldest[service.kind] = min(changed, oldest.get(service.kind, changed))
    return oldest


def select_services(services: Iterable[Service], limit: int) -> list[Service]:
    """Return `limit` services: running ones first, of each those longest in a status."""

    def rank(service: Service) -> tuple[bool, float, str]:
        changed = float("inf") if service.changed is None else service.changed
        return not service.is_running, changed, service.service_id

    return sorted(services, key=rank)[:limit]
