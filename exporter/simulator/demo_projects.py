"""The demo's projects: busy, full, exhausted, failing, modern and empty."""

from __future__ import annotations

import itertools
import random

from collections.abc import Sequence
from typing import Final

from ..collectors.jobs.kinds import Kind
from .project import SimulatedProject
from .project_lists import ListedProject
from .state import CPU_FLAVOR, FLAVORS, Flavor, Jobs, Placement, Plan, Stream


USERS: Final = ("anna", "bo", "chen", "dara")
BATCH_POOL: Final = Placement("pool-0004-0000-4000-8000-000000000004", "cpu-batch")
_REGION: Final = "eu-de"
_SUCCEEDED: Final = 10
_STOPPED: Final = (12, 13)
_FAILURES: Final = (3, 5, 11, 11, 11, 14, 16, 22)
_DAY: Final = 86_400.0
_WARM_UP: Final = 3600.0


def demo_projects(now: float, seed: int = 1) -> list[SimulatedProject]:
    """Return the demo's projects, with finished jobs."""
    start = now - _WARM_UP
    projects = [
        _busy(start, seed),
        _full(start, seed + 1),
        _exhausted(start, seed + 2),
        _failing(start, seed + 3),
        SimulatedProject("sandbox", _project_id(5)),
        _modern(start, seed + 5),
    ]
    for project in projects:
        project.iam_name = f"{_REGION}_{project.name}"
        for kind in Kind:
            project.jobs(kind).advance(start)
    return projects


def other_projects() -> list[ListedProject]:
    """Return what an account has besides: regions, storage, and odd names."""
    names = ("eu-de", "eu-nl", "eu-nl_vision", "MOS", "", "1500365963661574434")
    listed = [ListedProject(_project_id(100 + n), name) for n, name in enumerate(names)]
    return [
        *listed,
        ListedProject(_project_id(110), "1500365963661574434_vision"),
        ListedProject(_project_id(111), "eu-de1_vision"),
        ListedProject(_project_id(112), "eu-de_closed", enabled=False),
    ]


def _busy(now: float, seed: int) -> SimulatedProject:
    training = Jobs(
        Kind.TRAINING,
        quota=20,
        capacity=10_000,
        stream=Stream(every=8.0, plan=_Planner(90.0, failures=0.08), keep=2600),
        seed=seed,
    )
    training.history(2500, now)
    visualization = Jobs(
        Kind.VISUALIZATION,
        quota=10,
        capacity=1000,
        stream=Stream(every=30.0, plan=_Planner(120.0, failures=0.02), keep=340),
        seed=seed + 100,
    )
    visualization.history(320, now)
    return SimulatedProject("vision", _project_id(1), training, visualization)


def _full(now: float, seed: int) -> SimulatedProject:
    training = Jobs(
        Kind.TRAINING,
        quota=8,
        capacity=5000,
        stream=Stream(every=40.0, plan=_Planner(300.0, failures=0.1), keep=450),
        seed=seed,
    )
    training.history(400, now)
    return SimulatedProject("speech", _project_id(2), training)


def _exhausted(now: float, seed: int) -> SimulatedProject:
    training = Jobs(
        Kind.TRAINING,
        quota=50,
        capacity=500,
        stream=Stream(every=60.0, plan=_Planner(60.0, failures=0.1), keep=499),
        seed=seed,
    )
    training.history(497, now)
    return SimulatedProject("ranking", _project_id(3), training)


def _failing(now: float, seed: int) -> SimulatedProject:
    training = Jobs(
        Kind.TRAINING,
        quota=30,
        capacity=2000,
        stream=Stream(every=12.0, plan=_Planner(40.0, failures=0.7), keep=300),
        seed=seed,
    )
    training.history(120, now)
    chance = random.Random(seed)  # noqa: S311 - simulation, not security
    for day in range(1, 15):
        for _ in range(8):
            training.create_job(
                chance.choice(_FAILURES),
                created=now - day * _DAY / 14,
                duration=chance.uniform(5.0, 600.0),
            )
    # A job that has been hanging for three days.
    stuck = training.create_job(created=now - 3 * _DAY)
    stuck.name = "hangs-since-friday"
    return SimulatedProject("forecast", _project_id(4), training)


def _modern(now: float, seed: int) -> SimulatedProject:
    # On the v2 API, with more jobs than its default listing limit.
    training = Jobs(
        Kind.TRAINING,
        quota=24,
        capacity=3000,
        stream=Stream(
            every=15.0,
            plan=_Planner(240.0, failures=0.12, flavors=FLAVORS, placement=BATCH_POOL),
            keep=2700,
        ),
        seed=seed,
    )
    training.history(2650, now)
    return SimulatedProject("translation", _project_id(6), training, training_api="v2")


class _Planner:
    """
    Plans jobs that run for about `runs` seconds and sometimes fail.

    Those on CPUs are placed in a pool, if there is a `placement`.
    """

    def __init__(
        self,
        runs: float,
        failures: float,
        flavors: Sequence[Flavor] = (CPU_FLAVOR,),
        placement: Placement | None = None,
    ) -> None:
        self._runs = runs
        self._failures = failures
        self._flavors = flavors
        self._placement = placement
        self._users = itertools.cycle(USERS)

    def __call__(self, chance: random.Random) -> Plan:
        """Return the plan of the next job."""
        draw = chance.random()
        if draw < self._failures:
            outcome = chance.choice(_FAILURES)
        elif draw > 0.97:  # noqa: PLR2004 - a few are stopped by their users
            outcome = chance.choice(_STOPPED)
        else:
            outcome = _SUCCEEDED
        prepares = chance.uniform(2.0, 8.0)
        runs = self._runs * chance.lognormvariate(0.0, 0.6)
        flavor = chance.choice(self._flavors)
        return Plan(
            prepares=prepares,
            runs=runs,
            outcome=outcome,
            flavor=flavor,
            placement=self._placement if flavor is CPU_FLAVOR else None,
            user=next(self._users),
            nodes=chance.choice((1, 1, 1, 2, 4)),
        )


def _project_id(number: int) -> str:
    return f"{number:032x}"
