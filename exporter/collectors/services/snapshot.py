"""What one collection finds out about a project's services of an API version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ...errors import Failure
from ..alerts import (
    SERVICE_CONCERNING,
    SERVICE_DEPLOYS_LONG,
    SERVICE_FAILED,
    SERVICE_WAITS_FOR_RESOURCES,
    Thresholds,
)
from ..overview import Overview, Problem
from ..phases import Phase
from ..spans import span
from .service import Service, ServiceKind
from .statuses import CONCERNING


_TRANSITIONS: Final = (
    (SERVICE_DEPLOYS_LONG, "being deployed", ("deploying", "upgrading")),
    (SERVICE_WAITS_FOR_RESOURCES, "waiting for resources", ("waiting", "pending")),
)


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

    def overview(self, now: float, thresholds: Thresholds) -> Overview:
        """Return what the status page shows at the Unix time `now`."""
        phases: Counter[Phase] = Counter()
        for kind, number in self.counts.items():
            phases[kind.status.phase] += number
        return Overview(phases=phases, problems=tuple(self._problems(now)))

    def _problems(self, now: float) -> Iterator[Problem]:
        failed = concerning = 0
        for kind, number in self.counts.items():
            failed += number if kind.status.phase is Phase.FAILED else 0
            concerning += number if kind.status == CONCERNING else 0
        if failed > SERVICE_FAILED.threshold:
            yield Problem(SERVICE_FAILED, f"{failed} failed.")
        if concerning > SERVICE_CONCERNING.threshold:
            words = f"{concerning} concerning: instances malfunction."
            yield Problem(SERVICE_CONCERNING, words)
        for alert, statuses, verb in _TRANSITIONS:
            changed = [
                changed
                for kind, changed in self.oldest_transition.items()
                if kind.status.name in statuses
            ]
            seconds = now - min(changed) / 1000 if changed else 0.0
            if seconds > alert.threshold:
                yield Problem(alert, f"a service has been {verb} for {span(seconds)}.")


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
