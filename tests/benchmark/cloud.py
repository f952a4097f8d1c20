"""The simulated cloud as a process, with the jobs of a workload."""

from __future__ import annotations

import argparse
import asyncio
import time

from exporter.collectors.jobs.kinds import Kind
from exporter.simulator import (
    Jobs,
    ManualClock,
    SimulatedCloud,
    SimulatedProject,
    User,
    serve,
)
from exporter.simulator.modelarts import list_jobs


def build(
    projects: int,
    training: int,
    visualization: int,
    training_api: str = "v1",
    unfinished: int | None = None,
    *,
    shared: bool = False,
) -> SimulatedCloud:
    """Return a cloud in which nearly all jobs have finished."""
    clock = ManualClock(time.time())
    built: dict[Kind, Jobs] = {}

    def jobs_of(kind: Kind, number: int, seed: int) -> Jobs:
        running = unfinished if kind is Kind.TRAINING else None
        if kind not in built or not shared:
            built[kind] = jobs(kind, number, clock.now(), seed, running)
        return built[kind]

    cloud = SimulatedCloud(
        [
            SimulatedProject(
                f"p{number:03}",
                f"{number:032x}",
                jobs_of(Kind.TRAINING, training, number),
                jobs_of(Kind.VISUALIZATION, visualization, number),
                training_api,
            )
            for number in range(1, projects + 1)
        ],
        clock,
    )
    cloud.identity.users.append(User("benchmark", "benchmark", "OTC"))
    return cloud


def jobs(
    kind: Kind, number: int, now: float, seed: int, running: int | None = None
) -> Jobs:
    """Return that many jobs of a kind, one in a hundred of them running."""
    unfinished = number // 100 if running is None else min(number, running)
    found = Jobs(kind, quota=unfinished + 10, capacity=number + 1000, seed=seed)
    found.history(number - unfinished, now - 3600)
    for index in range(unfinished):
        found.create_job(8, created=now - 3000 + index)
    return found


def warm_up(cloud: SimulatedCloud) -> None:
    """List everything once, so that no scrape waits for the rows of old jobs."""
    for kind in Kind:
        lists = {id(one.jobs(kind)): one.jobs(kind) for one in cloud.projects}
        for listed in lists.values():
            for page in range(1, len(listed.jobs) // 1000 + 2):
                query = {"per_page": "1000", "page": str(page), "sortBy": "create_time"}
                list_jobs(listed, query, cloud.clock.now(), cloud.dialect)


async def run(cloud: SimulatedCloud) -> None:
    """Serve `cloud` until the process is ended."""
    async with serve(cloud) as url:
        print(url, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Build a workload's cloud and serve it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("projects", type=int)
    parser.add_argument("training", type=int)
    parser.add_argument("visualization", type=int)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--training-api", choices=["v1", "v2"], default="v1")
    parser.add_argument(
        "--shared", action="store_true", help="all projects have the same jobs"
    )
    parser.add_argument("--unfinished", type=int, help="training jobs that run")
    flags = parser.parse_args()
    cloud = build(
        flags.projects,
        flags.training,
        flags.visualization,
        flags.training_api,
        flags.unfinished,
        shared=flags.shared,
    )
    if flags.unfinished is None:
        warm_up(cloud)
    cloud.latency = flags.latency
    asyncio.run(run(cloud))


if __name__ == "__main__":
    main()
