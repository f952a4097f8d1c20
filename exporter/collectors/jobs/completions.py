"""
Counts finished jobs, each once, from the first complete collection on.

What is remembered between two collections are the unfinished jobs, and the IDs of
finished jobs that were created within ten minutes of the newest. Any other finished job
had finished by the last collection. So memory depends on the unfinished jobs and the
rate of creation, not on the history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ..numbers import to_millis, to_millis_list
from ..phases import Phase
from .aggregates import DurationHistogram
from .finished_rows import FinishedRows
from .job import Job, JobId
from .pages import Page
from .rows import Row, StatusOf, job_of
from .statuses import FINISHED_PHASES


OVERLAP_MILLISECONDS: Final = 600_000
"""
How long before the newest job a job may have been created that a collection misses.

A job that is created while pages are read is on them or not, and creation times may be
out of order by as much as clocks differ.
"""


@dataclass(frozen=True, slots=True)
class Baseline:
    """
    What is remembered of a collection, to find the jobs that have finished since.

    `recent` are the finished jobs that were created at `since` or later, with their
    creation times, all in milliseconds since the epoch. Before the first collection,
    `since` is None.
    """

    unfinished: Mapping[JobId, Job] = field(default_factory=dict)
    recent: Mapping[JobId, int] = field(default_factory=dict)
    since: int | None = None

    def is_completion(self, job: Job) -> bool:
        """Return whether `job`, which is finished, has finished since."""
        if job.job_id in self.unfinished:
            return True
        if self.since is None or job.created is None or job.created < self.since:
            return False
        return job.job_id not in self.recent


FIRST_COLLECTION: Final = Baseline()


@dataclass(slots=True)
class CompletionObserver:
    """Looks at the pages of a collection for jobs that have finished since `baseline`."""

    baseline: Baseline
    status_of: StatusOf
    unfinished: dict[JobId, Job] = field(default_factory=dict)
    finished: dict[JobId, Job] = field(default_factory=dict)
    """Those that were unfinished in the baseline, or created since the horizon."""

    newest: int = 0
    """When the newest job was created, in milliseconds since the epoch; 0 without jobs."""

    @property
    def horizon(self) -> int | None:
        """The creation time from which on finished jobs matter; None if not known yet."""
        if self.baseline.since is None and self.newest:
            return self.newest - OVERLAP_MILLISECONDS
        return self.baseline.since

    def observe(self, page: Page) -> Mapping[JobId, Job]:
        """Look at all jobs of a page; return the unfinished. Raises `CollectionError`."""
        # Pages of a thousand jobs go through here: the common case must be fast.
        finished = page.finished_statuses(self.status_of)
        relevant = self._relevant(page)
        self.finished |= self._jobs(row for row in relevant if row.status in finished)
        jobs = self._jobs(
            row
            for status, rows in page.by_status.items()
            if status not in finished
            for row in rows
        )
        self.unfinished |= jobs
        return jobs

    def may_skip(self, rows: FinishedRows, ids: Sequence[JobId]) -> bool:
        """Return whether `rows`, which have `ids`, can neither be completions nor young."""
        since = self.baseline.since
        if since is None or (rows.newest is not None and rows.newest >= since):
            return False
        return self.baseline.unfinished.keys().isdisjoint(ids)

    def absorb(self, other: CompletionObserver) -> None:
        """Add what `other` saw on other pages."""
        self.unfinished |= other.unfinished
        self.finished |= other.finished
        self.newest = max(self.newest, other.newest)

    def next_baseline(self) -> Baseline:
        """Return the baseline of the next collection."""
        since = max(self.baseline.since or 0, self.newest - OVERLAP_MILLISECONDS)
        unfinished = {
            job_id: job
            for job_id, job in self.unfinished.items()
            if job_id not in self.finished
        }
        recent = dict(self.baseline.recent)
        for job_id, job in self.finished.items():
            if job.created is not None:
                recent[job_id] = job.created
        recent = {job_id: at for job_id, at in recent.items() if at >= since}
        return Baseline(unfinished, recent, since)

    def _relevant(self, page: Page) -> Iterable[Row]:
        """Update `newest`, and return the jobs that matter if they have finished."""
        create_times = [row.create_time for row in page.rows]
        created = to_millis_list(create_times, "create_time")
        newest = max(created, default=None)
        if newest is not None:
            # A creation time in the future must not hide jobs created until then.
            self.newest = max(self.newest, min(newest, round(page.answered_at * 1000)))
        known = self.baseline.unfinished.keys() & page.ids
        horizon = self.horizon
        if not known and (horizon is None or newest is None or newest < horizon):
            return ()
        if len(created) < len(create_times):
            created = [to_millis(time, "create_time") or 0 for time in create_times]
        return [
            row
            for row, job_id, at in zip(page.rows, page.ids, created, strict=True)
            if job_id in known or (horizon is not None and at >= horizon)
        ]

    def _jobs(self, rows: Iterable[Row]) -> dict[JobId, Job]:
        jobs = (job_of(row, self.status_of) for row in rows)
        return {job.job_id: job for job in jobs}


@dataclass(frozen=True, slots=True)
class Completions:
    """How many jobs have finished in each phase, and how long they had run."""

    numbers: Mapping[Phase, int]
    durations: Mapping[Phase, DurationHistogram]


class CompletionTracker:
    """The completions of all collections; `bounds` of histograms are in milliseconds."""

    def __init__(self, bounds: tuple[int, ...]) -> None:
        self.baseline = FIRST_COLLECTION
        self._bounds = bounds
        self._numbers = dict.fromkeys(FINISHED_PHASES, 0)
        self._durations = {
            phase: DurationHistogram([0] * len(bounds)) for phase in FINISHED_PHASES
        }

    @property
    def so_far(self) -> Completions:
        """A copy of what has been counted so far."""
        return Completions(
            dict(self._numbers),
            {phase: found.copy() for phase, found in self._durations.items()},
        )

    def record(self, seen: CompletionObserver) -> None:
        """
        Count the completions that a collection saw, and remember what it saw.

        If another collection was recorded since it began, it is ignored, since it may
        know less; the next one sees what it saw.
        """
        if seen.baseline is not self.baseline:
            return
        for job in seen.finished.values():
            if self.baseline.is_completion(job):
                self._numbers[job.status.phase] += 1
                if job.duration is not None:
                    self._durations[job.status.phase].add(self._bounds, [job.duration])
        self.baseline = seen.next_baseline()
