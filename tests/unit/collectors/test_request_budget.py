"""The most requests and round trips that a collection takes while jobs change."""

import asyncio
import random

import pytest

from moving import DESCRIBED, NOW, MovingJobs, paging
from stepped import SteppedLoop

from exporter.collectors.jobs.aggregates import empty_counts
from exporter.collectors.jobs.counting import CountingState, collect_jobs
from exporter.collectors.jobs.kinds import Kind
from exporter.collectors.jobs.paginator import PagingHints
from exporter.collectors.jobs.snapshot import Snapshot
from exporter.simulator import Jobs


def cost(api, seed, pace, size, *, is_counting):
    """Collect about 40 jobs, 10 of them unfinished; return requests and round trips."""
    jobs = Jobs(Kind.TRAINING, seed=seed)
    jobs.history(30, NOW - 3600)
    for status in [8] * 4 + [7] * 4 + [1, 9]:
        jobs.create_job(status, created=NOW - 3000)
    moving = MovingJobs(api, jobs, random.Random(seed), pace)
    described, status_of = DESCRIBED[api]
    loop = SteppedLoop()

    async def fetch(query, number, size):
        await asyncio.sleep(1)
        return await moving.fetch(query, number, size)

    hints = PagingHints(size)
    task = loop.create_task(
        collect_jobs(
            paging(
                described,
                fetch,
                hints,
                lambda: Snapshot(empty_counts((), described.statuses), status_of),
            ),
            CountingState(hints, is_counting=is_counting),
            20 if is_counting else 1000,
        )
    )
    loop.step()
    round_trips = 0
    while not task.done():
        loop.advance(1)
        round_trips += 1
    assert task.result().counts.number > 0
    loop.end()
    return moving.requests, round_trips


@pytest.mark.parametrize(
    ("api", "size", "requests", "round_trips"),
    [("v1", 3, 60, 30), ("v1", 50, 4, 4), ("v2", 3, 60, 30), ("v2", 50, 4, 4)],
)
@pytest.mark.parametrize("pace", [0.1, 0.5, 1.0])
@pytest.mark.slow
def test_a_listing_is_read_three_times_at_most(api, size, requests, round_trips, pace):
    """Twice with all pages together, then page by page from the last to the first."""
    costs = [cost(api, seed, pace, size, is_counting=False) for seed in range(10)]

    assert max(asked for asked, _ in costs) <= requests
    assert max(waited for _, waited in costs) <= round_trips


@pytest.mark.parametrize(
    ("api", "size", "requests", "round_trips"),
    [("v1", 3, 190, 65), ("v1", 50, 95, 22), ("v2", 3, 140, 65), ("v2", 50, 28, 14)],
)
@pytest.mark.parametrize("pace", [0.1, 0.5, 1.0])
@pytest.mark.slow
def test_jobs_are_counted_four_times_at_most(api, size, requests, round_trips, pace):
    """If the counts do not add up by then, the jobs are listed."""
    costs = [cost(api, seed, pace, size, is_counting=True) for seed in range(10)]

    assert max(asked for asked, _ in costs) <= requests
    assert max(waited for _, waited in costs) <= round_trips
