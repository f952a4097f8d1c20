"""
Simulated projects and their jobs, which are created, wait, run and finish over time.

The simulation is driven by events, so that any time span takes no time and is
reproducible.
"""

from __future__ import annotations

import bisect
import heapq
import itertools
import random

from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ..collectors.jobs.kinds import Kind
from ..collectors.jobs.statuses import FINISHED_PHASES, V1_STATUSES
from ..collectors.phases import Phase


WAITING: Final = 7
RUNNING: Final = 8
PREPARING: Final = (1, 2, 4)
_FINISHED: Final = frozenset(
    number for number, status in V1_STATUSES.items() if status.phase in FINISHED_PHASES
)
_ACTIVE: Final = frozenset(
    number
    for number, status in V1_STATUSES.items()
    if status.phase in {Phase.RUNNING, Phase.STOPPING}
)


@dataclass(frozen=True, slots=True)
class Flavor:
    """A flavor of nodes: `kind` is CPU, GPU or Ascend, `units` are per node."""

    flavor_id: str
    kind: str = "CPU"
    product: str = ""
    units: int = 0


CPU_FLAVOR: Final = Flavor("modelarts.vm.cpu.8u")
GPU_FLAVOR: Final = Flavor("modelarts.vm.gpu.v100x8", "GPU", "NVIDIA-V100", 8)
NPU_FLAVOR: Final = Flavor("modelarts.bm.npu.910x8", "Ascend", "Ascend-910", 8)
FLAVORS: Final = (GPU_FLAVOR, NPU_FLAVOR, CPU_FLAVOR)


class AcceleratorsAs(StrEnum):
    """Where v2 reports how many accelerators a node of a job in a pool has."""

    ALLOCATED = "main_container_allocated_resources"
    CUSTOMIZED = "main_container_customized_flavor"
    POOL_INFO = "pool_info"
    FLAVOR_ID = "flavor_id"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Placement:
    """The pool that a job runs in, and how many accelerators a node of it has there."""

    pool_id: str
    pool_name: str = ""
    accelerators: float = 0
    accelerator: str = ""
    told_as: AcceleratorsAs = AcceleratorsAs.ALLOCATED


@dataclass(frozen=True, slots=True)
class Completion:
    """The end of a job: time, status and running duration in seconds."""

    job_id: int
    ended: float
    status: int
    duration: float | None


@dataclass(slots=True, eq=False)
class SimulatedJob:
    """A job; times are Unix time, `row` caches its encoded row once it has finished."""

    job_id: int
    name: str
    status: int
    created: float
    started: float | None = None
    ended: float | None = None
    workspace_id: str = "0"
    row: bytes | None = None
    flavor: Flavor | None = CPU_FLAVOR
    """None in a pool; v2 reports a flavor of public resources only."""

    placement: Placement | None = None
    nodes: int = 1
    user: str = ""
    priority: int | None = None
    restarts: int = 0
    fine_tuning: bool = False
    roles: tuple[str, ...] = ()
    """The roles of a heterogeneous job's tasks."""

    def duration(self, now: float) -> float | None:
        """Return how many seconds it ran; None if it never started."""
        if self.started is None:
            return None
        return (now if self.ended is None else self.ended) - self.started


@dataclass(frozen=True, slots=True)
class Plan:
    """The future of a job: seconds of preparation and running, and its final status."""

    prepares: float
    runs: float
    outcome: int
    flavor: Flavor | None = CPU_FLAVOR
    placement: Placement | None = None
    nodes: int = 1
    user: str = ""


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of new jobs: mean interval in seconds, plans, and how many jobs are kept."""

    every: float
    plan: Callable[[random.Random], Plan]
    keep: int | None = None


@dataclass(slots=True)
class Jobs:
    """One project's jobs of one kind, oldest first, and their limits."""

    kind: Kind
    quota: int | None = 100
    """Limit of running jobs; None for "unlimited"."""

    capacity: int | None = 1000
    """Limit of existing jobs; None for "unlimited"."""

    stream: Stream | None = None
    seed: int = 0
    jobs: list[SimulatedJob] = field(default_factory=list)
    completions: list[Completion] = field(default_factory=list)
    """Ends of jobs, in order."""

    _selected: dict[object, list[SimulatedJob]] = field(default_factory=dict)
    _events: list[tuple[float, int, Callable[[float], None]]] = field(
        default_factory=list
    )
    _waiting: deque[tuple[SimulatedJob, Plan]] = field(default_factory=deque)
    _running: int = 0
    _now: float = 0.0
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _order: Iterator[int] = field(default_factory=itertools.count)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - simulation, not security

    @property
    def remaining(self) -> int | None:
        """How many more jobs can be created; None for "unlimited"."""
        return None if self.capacity is None else max(0, self.capacity - len(self.jobs))

    def counts(self) -> Counter[int]:
        """Return the number of jobs by status."""
        return Counter(job.status for job in self.jobs)

    def select(
        self,
        key: object,
        *wanted: Callable[[SimulatedJob], bool],
        among: list[SimulatedJob] | None = None,
    ) -> list[SimulatedJob]:
        """Return the jobs that are `wanted`, cached under `key` until a job changes."""
        found = self._selected.get(key)
        if found is None:
            found = self.jobs if among is None else among
            for condition in wanted:
                found = [job for job in found if condition(job)]
            self._selected[key] = found
        return found

    def finish_job(self, job: SimulatedJob, status: int, now: float) -> None:
        """Finish a job, and record its end."""
        self.set_status(job, status)
        job.ended = now
        self.completions.append(Completion(job.job_id, now, status, job.duration(now)))

    def advance(self, now: float) -> None:
        """Process all events until `now`."""
        if self.stream and not self._now:
            self._at(now, self._arrive)
        while self._events and self._events[0][0] <= now:
            self._now, _, event = heapq.heappop(self._events)
            event(self._now)
        self._now = max(now, self._now)

    def create_job(
        self,
        status: int = RUNNING,
        *,
        created: float,
        duration: float | None = None,
        workspace_id: str = "0",
    ) -> SimulatedJob:
        """Add a job that does not change unless a test changes it."""
        job = self._new_job(status, created)
        job.workspace_id = workspace_id
        if duration is not None:
            job.started = created
            job.ended = created + duration
        elif status in _ACTIVE:
            job.started = created
            self._running += 1
        return job

    def history(self, number: int, now: float, seconds: float = 30 * 86_400.0) -> None:
        """Add `number` jobs that finished in the last `seconds`, mostly with success."""
        outcomes = (10, 10, 10, 10, 10, 10, 11, 12, 13, 14)
        step = seconds / (number + 1)
        for index in range(number):
            created = now - seconds + index * step
            longest = max(1.0, min(now - created, 3 * 86_400.0) - 120.0)
            runs = min(self._random.lognormvariate(8.0, 1.8), longest)
            self.create_job(
                self._random.choice(outcomes), created=created, duration=runs
            )

    def delete_job(self, job: SimulatedJob) -> None:
        """Remove a job in any status."""
        self.jobs.remove(job)
        self._selected.clear()

    def set_status(self, job: SimulatedJob, status: int) -> None:
        """Change a job's status."""
        self._selected.clear()
        job.status = status
        job.row = None

    def _new_job(self, status: int, created: float) -> SimulatedJob:
        number = next(self._ids)
        job = SimulatedJob(number, f"{self.kind}-{number}", status, created)
        # Sorted by creation time; new jobs are usually the latest.
        if self.jobs and created < self.jobs[-1].created:
            bisect.insort(self.jobs, job, key=lambda other: other.created)
        else:
            self.jobs.append(job)
        self._selected.clear()
        return job

    def _at(self, time: float, event: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (time, next(self._order), event))

    def _arrive(self, now: float) -> None:
        if self.stream is None:
            return
        self._at(now + self._random.expovariate(1 / self.stream.every), self._arrive)
        self._forget_old(self.stream)
        if self.remaining == 0:
            return
        plan = self.stream.plan(self._random)
        job = self._new_job(PREPARING[0], now)
        job.flavor, job.placement = plan.flavor, plan.placement
        job.nodes, job.user = plan.nodes, plan.user
        for step, status in enumerate(PREPARING[1:], 1):
            self._at(
                now + plan.prepares * step / len(PREPARING), self._become(job, status)
            )
        self._at(now + plan.prepares, lambda time: self._wait(job, plan, time))

    def _become(self, job: SimulatedJob, status: int) -> Callable[[float], None]:
        return lambda _: self.set_status(job, status)

    def _wait(self, job: SimulatedJob, plan: Plan, now: float) -> None:
        self.set_status(job, WAITING)
        self._waiting.append((job, plan))
        self._start_next(now)

    def _start_next(self, now: float) -> None:
        while self._waiting and (self.quota is None or self._running < self.quota):
            job, plan = self._waiting.popleft()
            self._running += 1
            self.set_status(job, RUNNING)
            job.started = now
            self._at(now + plan.runs, self._completion(job, plan))

    def _completion(self, job: SimulatedJob, plan: Plan) -> Callable[[float], None]:
        def end(now: float) -> None:
            self._running -= 1
            self.finish_job(job, plan.outcome, now)
            self._start_next(now)

        return end

    def _forget_old(self, stream: Stream) -> None:
        if stream.keep is not None and len(self.jobs) >= stream.keep:
            oldest = next((job for job in self.jobs if job.ended is not None), None)
            if oldest is not None:
                self.delete_job(oldest)
