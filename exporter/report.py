"""What a collection found out, and what a scrape says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from .config import Project
from .endings import Ended
from .errors import Failure, Reason
from .jobs import UNFINISHED_PHASES, Job, JobId, Kind, Phase, Resources
from .tally import Quota, Tally


@dataclass(frozen=True, slots=True)
class Selection:
    """The jobs that have series of their own, and how many more would have."""

    jobs: tuple[Job, ...]
    dropped: int


@dataclass(frozen=True, slots=True)
class Listing:
    """
    What a collection found out of one project and kind.

    `complete` tells that all jobs were listed, not only counted. `resources` are those
    of the running jobs, of which `longest` has run longest. `remaining`, which is filled
    as it is told, says of the selected jobs how many milliseconds are left before they
    stop by themselves. `shortfalls` say why something is missing that the jobs' numbers
    do not depend on.
    """

    tally: Tally
    quota: Quota = field(default_factory=Quota)
    complete: bool = True
    resources: tuple[Resources, ...] = ()
    longest: Job | None = None
    selection: Selection | None = None
    remaining: dict[JobId, int] = field(default_factory=dict)
    shortfalls: tuple[Failure, ...] = ()

    def interrupted(self, why: Failure) -> Listing:
        """Return what is known by now; it does not grow any more."""
        return replace(self, remaining=dict(self.remaining), shortfalls=(why,))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a collection ended: a listing or a failure, and the seconds that it took."""

    result: Listing | Failure
    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """What a scrape says of one project and kind."""

    project: Project
    kind: Kind
    outcome: Outcome
    errors: Mapping[Reason, int]
    last_success: float | None
    """Unix time of the last complete collection."""

    ended: Ended

    def failed(self, why: Failure) -> Report:
        """Return the report that there is instead if this one cannot be told."""
        outcome = Outcome(why, self.outcome.seconds)
        return replace(self, outcome=outcome, ended=Ended({}, {}))


@dataclass(frozen=True, slots=True)
class Latest:
    """The last collection of one project and kind; no outcome if there was none yet."""

    project: Project
    kind: Kind
    outcome: Outcome | None
    collected_at: float
    """Unix time of its end."""

    last_success: float | None


def longest_running(jobs: Iterable[Job]) -> Job | None:
    """Return the running job that has run longest, if there is one."""
    running = [
        job
        for job in jobs
        if job.status.phase is Phase.RUNNING and job.duration is not None
    ]
    return min(running, key=_rank, default=None)


def select_jobs(jobs: Iterable[Job], most: int) -> Selection:
    """
    Return the `most` unfinished jobs that have run longest.

    Those that have not started come last, the oldest of them first.
    """
    unfinished = [job for job in jobs if job.status.phase in UNFINISHED_PHASES]
    unfinished.sort(key=_rank)
    return Selection(tuple(unfinished[:most]), max(0, len(unfinished) - most))


def _rank(job: Job) -> tuple[float, float, str]:
    running = -1 if job.duration is None else job.duration
    created = float("inf") if job.created is None else job.created
    return -running, created, str(job.job_id)
