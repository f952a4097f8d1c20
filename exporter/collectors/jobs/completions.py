"""
Jobs that were seen to end, each counted once, from the first complete collection on.

What is remembered between two collections: the jobs that have not ended, and the IDs of
those that have and were created within ten minutes of the newest. A job that ended and
was created before that had ended by the collection that is remembered, which saw it.
So memory follows the unfinished jobs and the pace of creation, not the history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .aggregates import DurationHistogram
from .job import Job, JobId
from .snapshot import OVERLAP_MILLISECONDS, Baseline, Snapshot
from .statuses import FINISHED_PHASES, Phase


@dataclass(frozen=True, slots=True)
class Completions:
    """How many jobs were seen to end in each phase, and how long they had run."""

    numbers: Mapping[Phase, int]
    durations: Mapping[Phase, DurationHistogram]


@dataclass(slots=True)
class CompletionTracker:
    """
    The completions that were seen; `bounds` are those of the histograms, in
    milliseconds.
    """

    bounds: tuple[int, ...]
    _numbers: dict[Phase, int] = field(init=False)
    _durations: dict[Phase, DurationHistogram] = field(init=False)
    _unfinished: dict[JobId, Job] = field(default_factory=dict)
    _recent: dict[JobId, int] = field(default_factory=dict)
    _newest: int | None = None
    _has_begun: bool = False

    def __post_init__(self) -> None:
        self._numbers = dict.fromkeys(FINISHED_PHASES, 0)
        self._durations = {
            phase: DurationHistogram([0] * len(self.bounds))
            for phase in FINISHED_PHASES
        }

    @property
    def baseline(self) -> Baseline:
        """What the next snapshot has to look for."""
        if not self._has_begun:
            return Baseline()
        return Baseline(self._unfinished, self._since)

    @property
    def so_far(self) -> Completions:
        """What was counted so far, which later ends do not change."""
        return Completions(
            dict(self._numbers),
            {phase: found.copy() for phase, found in self._durations.items()},
        )

    def record(self, snapshot: Snapshot) -> None:
        """
        Count the completions that `snapshot` saw, and remember what it saw.

        A snapshot that began before another was recorded may know less than that one,
        and is passed over: the next one sees what it saw.
        """
        if snapshot.baseline != self.baseline:
            return
        if self._has_begun:
            for job in snapshot.ended.values():
                if self._is_news(job):
                    self._count(job)
        self._has_begun = True
        if snapshot.newest is not None:
            self._newest = max(snapshot.newest, self._newest or snapshot.newest)
        self._unfinished = {
            job_id: job
            for job_id, job in (
                snapshot.unfinished | snapshot.unfinished_not_counted
            ).items()
            if job_id not in snapshot.ended
        }
        self._recent |= {
            job_id: job.created
            for job_id, job in snapshot.ended.items()
            if job.created is not None
        }
        since = self._since
        self._recent = {
            job_id: created
            for job_id, created in self._recent.items()
            if created >= since
        }

    @property
    def _since(self) -> int:
        return 0 if self._newest is None else self._newest - OVERLAP_MILLISECONDS

    def _is_news(self, job: Job) -> bool:
        if job.job_id in self._unfinished:
            return True
        if job.created is None or job.created < self._since:
            return False
        return job.job_id not in self._recent

    def _count(self, job: Job) -> None:
        phase = job.status.phase
        self._numbers[phase] += 1
        if job.duration is not None:
            self._durations[phase].add(self.bounds, [job.duration])
