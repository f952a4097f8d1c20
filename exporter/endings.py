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

from .census import OVERLAP_MILLISECONDS, Census, Watch
from .jobs import FINISHED_PHASES, Job, JobId, Phase
from .tally import Durations


@dataclass(frozen=True, slots=True)
class Ended:
    """How many jobs were seen to end in each phase, and how long they had run."""

    numbers: Mapping[Phase, int]
    durations: Mapping[Phase, Durations]


@dataclass(slots=True)
class Endings:
    """The ends that were seen; `bounds` are those of the histograms, in milliseconds."""

    bounds: tuple[int, ...]
    _numbers: dict[Phase, int] = field(init=False)
    _durations: dict[Phase, Durations] = field(init=False)
    _unfinished: dict[JobId, Job] = field(default_factory=dict)
    _recent: dict[JobId, int] = field(default_factory=dict)
    _newest: int | None = None
    _has_begun: bool = False

    def __post_init__(self) -> None:
        self._numbers = dict.fromkeys(FINISHED_PHASES, 0)
        self._durations = {
            phase: Durations([0] * len(self.bounds)) for phase in FINISHED_PHASES
        }

    @property
    def watch(self) -> Watch:
        """What the next census has to look for."""
        if not self._has_begun:
            return Watch()
        return Watch(self._unfinished, self._since)

    @property
    def so_far(self) -> Ended:
        """What was counted so far, which later ends do not change."""
        return Ended(
            dict(self._numbers),
            {phase: found.copy() for phase, found in self._durations.items()},
        )

    def record(self, census: Census) -> None:
        """
        Count the ends that `census` saw, and remember what it saw.

        A census that began before another was recorded may know less than that one, and
        is passed over: the next one sees what it saw.
        """
        if census.watch != self.watch:
            return
        if self._has_begun:
            for job in census.ended.values():
                if self._is_news(job):
                    self._count(job)
        self._has_begun = True
        if census.newest is not None:
            self._newest = max(census.newest, self._newest or census.newest)
        self._unfinished = {
            job_id: job
            for job_id, job in (census.unfinished | census.elsewhere).items()
            if job_id not in census.ended
        }
        self._recent |= {
            job_id: job.created
            for job_id, job in census.ended.items()
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
