"""Aggregates numbers and durations of jobs, page by page, without keeping the jobs."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ..phases import Phase
from ..statuses import Status
from .statuses import STARTED_PHASES, UNFINISHED_PHASES


@dataclass(slots=True)
class DurationHistogram:
    """
    Running durations: cumulative histogram counts, sum and maximum.

    `counts` has one number per bound: how many durations do not exceed it.
    """

    counts: list[int]
    number: int = 0
    sum_milliseconds: int = 0
    longest_milliseconds: int = 0

    def add(self, bounds: Sequence[int], milliseconds: list[int]) -> None:
        """Add durations; `bounds` are in milliseconds, the same in every call."""
        milliseconds.sort()
        for index, bound in enumerate(bounds):
            self.counts[index] += bisect_right(milliseconds, bound)
        self.number += len(milliseconds)
        self.sum_milliseconds += sum(milliseconds)
        self.longest_milliseconds = max(self.longest_milliseconds, milliseconds[-1])

    @property
    def seconds(self) -> float:
        """The sum, in seconds."""
        return self.sum_milliseconds / 1000

    def copy(self) -> DurationHistogram:
        """Return an independent copy."""
        return replace(self, counts=list(self.counts))

    def absorb(self, other: DurationHistogram) -> None:
        """Add the durations of `other`, which has the same bounds."""
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        self.number += other.number
        self.sum_milliseconds += other.sum_milliseconds
        self.longest_milliseconds = max(
            self.longest_milliseconds, other.longest_milliseconds
        )


@dataclass(slots=True)
class JobCounts:
    """The jobs of one project and kind, by status and phase."""

    bounds: tuple[int, ...]
    """Upper bounds of the duration histograms, in milliseconds."""

    statuses: dict[Status, int]
    """The number of jobs by status, including statuses without jobs."""

    durations: dict[Phase, DurationHistogram] = field(init=False)
    oldest_created: dict[Phase, int] = field(default_factory=dict)
    """Milliseconds since the epoch, for unfinished phases that have jobs."""

    def __post_init__(self) -> None:
        self.durations = {
            phase: DurationHistogram([0] * len(self.bounds)) for phase in STARTED_PHASES
        }

    def add(
        self, status: Status, number: int, durations: list[int], created: list[int]
    ) -> None:
        """
        Count `number` jobs of one status.

        `durations` (milliseconds) and `created` (milliseconds since the epoch) are the
        known values, in any order.
        """
        self.statuses[status] = self.statuses.get(status, 0) + number
        phase = status.phase
        if durations and phase in self.durations:
            self.durations[phase].add(self.bounds, durations)
        if created and phase in UNFINISHED_PHASES:
            oldest = min(created)
            self.oldest_created[phase] = min(
                oldest, self.oldest_created.get(phase, oldest)
            )

    def absorb(self, other: JobCounts) -> None:
        """Add the jobs of `other`."""
        for status, number in other.statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + number
        for phase, durations in other.durations.items():
            self.durations[phase].absorb(durations)
        for phase, oldest in other.oldest_created.items():
            known = self.oldest_created.get(phase, oldest)
            self.oldest_created[phase] = min(oldest, known)

    @property
    def number(self) -> int:
        """The number of all jobs."""
        return sum(self.statuses.values())


def empty_counts(bounds: tuple[int, ...], statuses: Iterable[Status]) -> JobCounts:
    """Return counts of no jobs, with all of `statuses` at zero."""
    return JobCounts(bounds, dict.fromkeys(statuses, 0))
