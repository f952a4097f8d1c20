"""The simulated cloud of the soak as a process: SIGUSR1 advances its clock a minute."""

from __future__ import annotations

import asyncio
import random
import signal
import sys

from exporter.collectors.jobs.kinds import Kind
from exporter.simulator import (
    CPU_FLAVOR,
    DEMO_KEY,
    DEMO_USER,
    GPU_FLAVOR,
    Jobs,
    Key,
    ManualClock,
    Plan,
    SimulatedCloud,
    SimulatedProject,
    Stream,
    User,
    serve,
)


MINUTE = 60.0
TRAINING_JOBS = 35
VISUALIZATION_JOBS = 15


def build(projects: int) -> SimulatedCloud:
    """Return a cloud whose jobs start, run and end as its clock advances."""
    clock = ManualClock()
    cloud = SimulatedCloud(
        [
            SimulatedProject(
                f"p{number:03}",
                f"{number:032x}",
                _jobs(Kind.TRAINING, TRAINING_JOBS, clock, number),
                _jobs(Kind.VISUALIZATION, VISUALIZATION_JOBS, clock, -number),
                training_api(number),
            )
            for number in range(1, projects + 1)
        ],
        clock,
    )
    cloud.identity.users.append(
        User(DEMO_USER.name, DEMO_USER.password, DEMO_USER.domain)
    )
    cloud.identity.keys.append(Key(DEMO_KEY.access_key, DEMO_KEY.secret_key))
    return cloud


def training_api(number: int) -> str:
    """Return the API that has the training jobs of a project."""
    return "v2" if number % 4 == 0 else "v1"


def _jobs(kind: Kind, number: int, clock: ManualClock, seed: int) -> Jobs:
    stream = Stream(every=40.0, plan=_plan, keep=number)
    jobs = Jobs(kind, quota=5, capacity=2 * number, stream=stream, seed=seed)
    jobs.history(number - 5, clock.now() - 10 * MINUTE)
    jobs.advance(clock.now() - 5 * MINUTE)
    jobs.advance(clock.now())
    return jobs


def _plan(chance: random.Random) -> Plan:
    return Plan(
        prepares=chance.uniform(5.0, 60.0),
        runs=chance.uniform(20.0, 300.0),
        outcome=chance.choice((10, 10, 10, 11, 13)),
        flavor=chance.choice((CPU_FLAVOR, GPU_FLAVOR)),
    )


async def run(cloud: SimulatedCloud) -> None:
    """Serve `cloud` until the process is ended."""
    asyncio.get_running_loop().add_signal_handler(
        signal.SIGUSR1, cloud.clock.advance, MINUTE
    )
    async with serve(cloud) as url:
        print(url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(build(int(sys.argv[1]))))
