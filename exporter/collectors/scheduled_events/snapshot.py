"""What one collection finds out about the events that are scheduled in a project."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ...errors import Failure
from ..alerts import MAINTENANCE_NEEDS_CONSENT, Thresholds
from ..numbers import to_unix_time
from ..overview import Overview, Problem
from ..phases import Phase
from ..texts import plain
from .schema import EventRow


class EventState(StrEnum):
    """The states of events that are not over."""

    INQUIRING = "inquiring"
    """It waits for the user's consent."""

    SCHEDULED = "scheduled"
    EXECUTING = "executing"


@dataclass(frozen=True, slots=True)
class EventKind:
    """What events are counted by, both in lower case."""

    type: str
    state: str


@dataclass(frozen=True, slots=True)
class EventSnapshot:
    """The events, counted; `next` is when the next one begins, in Unix time by pool."""

    counts: Mapping[EventKind, int]
    next: Mapping[str, float]
    partial_failures: tuple[Failure, ...] = ()

    @property
    def number(self) -> int:
        """The number of events."""
        return sum(self.counts.values())

    def overview(self, now: float, thresholds: Thresholds) -> Overview:
        """Return what the status page shows at the Unix time `now`."""
        phases: Counter[Phase] = Counter()
        for kind, number in self.counts.items():
            is_under_way = kind.state == EventState.EXECUTING
            phases[Phase.RUNNING if is_under_way else Phase.PENDING] += number
        return Overview(phases=phases, problems=tuple(self._problems()))

    def _problems(self) -> Iterator[Problem]:
        inquiring = sum(
            number
            for kind, number in self.counts.items()
            if kind.state == EventState.INQUIRING
        )
        if inquiring > MAINTENANCE_NEEDS_CONSENT.threshold:
            words = f"{inquiring} waiting for your consent."
            yield Problem(MAINTENANCE_NEEDS_CONSENT, words)


def next_by_pool(rows: Iterable[EventRow]) -> dict[str, float]:
    """Return when the next event begins; the pool is empty for those of none."""
    found: dict[str, float] = {}
    for row in rows:
        begins = to_unix_time(row.not_before)
        if begins is not None and row.state != EventState.EXECUTING:
            pool = plain(row.pool_name or "")
            found[pool] = min(begins, found.get(pool, begins))
    return found
