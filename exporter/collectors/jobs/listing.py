"""What a collection finds out about one project's jobs of a kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ...errors import Failure
from ..alerts import Thresholds
from ..overview import Longest, Overview, QuotaUse
from ..phases import Phase
from .aggregates import JobCounts
from .job import Job, JobId, Resources
from .problems import job_problems
from .quota import JobQuota
from .statuses import UNFINISHED_PHASES


@dataclass(frozen=True, slots=True)
class Selection:
    """The jobs that have series of their own, and how many more would have."""

    jobs: tuple[Job, ...]
    dropped: int


@dataclass(frozen=True, slots=True)
class Listing:
    """
    What a collection found out of one project and kind.

    `complete` means that all jobs were listed, not only counted. `resources` are those
    of the running jobs, of which `longest` has run longest; `shows_users` says whether
    their users may be shown. `remaining` has the milliseconds that are left before selected jobs stop by themselves.
    `partial_failures` say why something is missing that the jobs' numbers do not
    depend on.
    """

    counts: JobCounts
    quota: JobQuota = field(default_factory=JobQuota)
    complete: bool = True
    resources: tuple[Resources, ...] = ()
    shows_users: bool = False
    longest: Job | None = None
    selection: Selection | None = None
    remaining: Mapping[JobId, int] = field(default_factory=dict)
    partial_failures: tuple[Failure, ...] = ()

    @property
    def number(self) -> int:
        """The number of all jobs."""
        return self.counts.number

    def overview(self, now: float, thresholds: Thresholds) -> Overview:
        """Return what the status page shows at the Unix time `now`."""
        phases = dict.fromkeys(Phase, 0)
        for status, number in self.counts.statuses.items():
            phases[status.phase] += number
        longest = _longest(self.longest)
        return Overview(
            phases=phases,
            quotas=tuple(_quotas(self.quota, phases[Phase.RUNNING])),
            longest=longest,
            problems=tuple(
                job_problems(self.counts, self.quota, longest, now, thresholds)
            ),
            note="" if self.complete else "Finished jobs were counted, not listed.",
        )


@dataclass(slots=True)
class PartialResult:
    """The jobs, and what goes with them as far as it has been answered."""

    jobs: Listing
    quota: JobQuota = field(default_factory=JobQuota)
    remaining: dict[JobId, int] = field(default_factory=dict)

    def frozen(self, partial_failures: Iterable[Failure]) -> Listing:
        """Return what is known now; `partial_failures` say why the rest is missing."""
        return replace(
            self.jobs,
            quota=self.quota,
            remaining=dict(self.remaining),
            partial_failures=tuple(partial_failures),
        )


def longest_running(jobs: Iterable[Job]) -> Job | None:
    """Return the running job that has run longest, if there is one."""
    running = [
        job
        for job in jobs
        if job.status.phase is Phase.RUNNING and job.duration is not None
    ]
    return min(running, key=_rank, default=None)


def select_jobs(jobs: Iterable[Job], max_jobs: int) -> Selection:
    """
    Return the `max_jobs` unfinished jobs that have run longest.

    Those that have not started come last, the oldest of them first.
    """
    unfinished = [job for job in jobs if job.status.phase in UNFINISHED_PHASES]
    unfinished.sort(key=_rank)
    return Selection(tuple(unfinished[:max_jobs]), max(0, len(unfinished) - max_jobs))


def _quotas(quota: JobQuota, running: int) -> Iterator[QuotaUse]:
    if quota.running is not None:
        yield QuotaUse("Running", running, quota.running)
    if quota.created is not None and quota.remaining is not None:
        yield QuotaUse("Existing", quota.created, quota.created + quota.remaining)


def _longest(job: Job | None) -> Longest | None:
    if job is None or job.duration is None:
        return None
    return Longest(job.name, f"job {job.job_id}", job.duration / 1000)


def _rank(job: Job) -> tuple[float, float, str]:
    running = -1 if job.duration is None else job.duration
    created = float("inf") if job.created is None else job.created
    return -running, created, str(job.job_id)
