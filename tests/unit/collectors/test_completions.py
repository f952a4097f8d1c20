"""Each finished job is counted once, whatever happens to the scrapes."""

import asyncio
import random

from collections import Counter
from dataclasses import replace

import msgspec
import pytest

from examples import examples
from harness import exporting_from, simulated
from hypothesis import example, given, settings
from hypothesis import strategies as st
from moving import DESCRIBED, NOW, MovingJobs, one_move, paging

from exporter.collectors.jobs.aggregates import empty_counts
from exporter.collectors.jobs.completion_search import find_completions
from exporter.collectors.jobs.completions import (
    OVERLAP_MILLISECONDS,
    CompletionObserver,
    CompletionTracker,
)
from exporter.collectors.jobs.counting import CountingState, collect_jobs
from exporter.collectors.jobs.job import Job
from exporter.collectors.jobs.kinds import Kind
from exporter.collectors.jobs.paginator import PagingHints
from exporter.collectors.jobs.snapshot import Snapshot
from exporter.collectors.jobs.statuses import V1_STATUSES
from exporter.collectors.phases import Phase
from exporter.errors import CollectionError, Failure, Reason
from exporter.simulator import Effect, Fault, Jobs


TRAINING = {"project": "a", "kind": "training"}
MODES = pytest.mark.parametrize("limit", [None, 5], ids=["listed", "counted"])
APIS = pytest.mark.parametrize("api", ["v1", "v2"])


def finished(scrape, kind="training"):
    """Return the counters by phase."""
    labels = {"project": "a", "kind": kind}
    return {
        dict(found)["phase"]: value
        for found, value in scrape.series("jobs_finished_total", **labels).items()
    }


@APIS
@MODES
@pytest.mark.slow
async def test_each_completion_is_counted_once(api, limit):
    """Jobs that finished before the first scrape are not counted, later ones once."""
    cloud = simulated("a", training_api=api)
    training = cloud.projects[0].training
    now = cloud.clock.now
    long = training.create_job(8, created=now() - 90_000)
    waits = training.create_job(7, created=now() - 80_000)
    async with exporting_from(cloud, listing_limit=limit) as exporter:
        nothing = {"succeeded": 0, "failed": 0, "stopped": 0}
        for _ in range(2):
            assert finished(await exporter.scrape()) == nothing

        cloud.clock.advance(60)
        training.finish_job(long, 10, now())
        short = training.create_job(8, created=now() - 40)
        training.finish_job(short, 11, now())
        training.finish_job(waits, 13, now())
        for _ in range(3):
            scrape = await exporter.scrape()
            assert finished(scrape) == {"succeeded": 1, "failed": 1, "stopped": 1}
            cloud.clock.advance(3600)
    name = "finished_job_duration_seconds"
    for phase, seconds, bucket in (
        ("succeeded", 90_060, "172800.0"),
        ("failed", 40, "60.0"),
    ):
        labels = {"phase": phase, **TRAINING}
        assert scrape.value(f"{name}_count", **labels) == 1
        assert scrape.value(f"{name}_sum", **labels) == pytest.approx(seconds, abs=1)
        assert scrape.value(f"{name}_bucket", le=bucket, **labels) == 1
    # A job that never ran has no duration.
    stopped = {"phase": "stopped", **TRAINING}
    assert scrape.value(f"{name}_count", **stopped) == 0
    assert scrape.response.text.count("# TYPE modelarts_jobs_finished_total") == 1


@MODES
@pytest.mark.parametrize(
    "fault",
    [
        Fault(effect=Effect.STATUS, status=403, code="ModelArts.0108"),
        pytest.param(Fault(effect=Effect.HANG), marks=pytest.mark.slow),
        Fault(effect=Effect.STATUS, status=400, from_page=2),
    ],
    ids=["refused", "hangs", "partial"],
)
async def test_a_failed_collection_loses_nothing(limit, fault):
    """Jobs that finish while the API fails are counted by the next collection."""
    cloud = simulated("a")
    training = cloud.projects[0].training
    job = training.create_job(8, created=cloud.clock.now() - 30)
    async with exporting_from(cloud, listing_limit=limit, page_size=10) as exporter:
        await exporter.scrape()
        training.finish_job(job, 10, cloud.clock.now())
        with cloud.faults.on(fault):
            for _ in range(2):
                scrape = await exporter.scrape(1)
            if limit is None or fault.from_page == 1:
                assert scrape.value("up", **TRAINING) == 0
                assert finished(scrape)["succeeded"] == 0
        for _ in range(2):
            assert finished(await exporter.scrape())["succeeded"] == 1


@APIS
@pytest.mark.slow
async def test_a_failed_look_up(api, logged):
    """
    If the look-up of finished jobs fails, the other counts stay, and none is lost.

    While jobs are only counted, a finished job that was known is looked up.
    """
    cloud = simulated("a", training_api=api)
    training = cloud.projects[0].training
    old = cloud.clock.now() - 90_000
    jobs = [training.create_job(8, created=old) for _ in range(3)]
    training.history(60, cloud.clock.now() - 3600, seconds=40_000.0)
    async with exporting_from(cloud, listing_limit=5, page_size=10) as exporter:
        await exporter.scrape()
        for job in jobs:
            training.finish_job(job, 10, cloud.clock.now())
        with cloud.faults.on(
            Fault(effect=Effect.STATUS, status=403, query=jobs[1].name)
        ):
            for number in (1, 2):
                scrape = await exporter.scrape()
                assert scrape.value("up", **TRAINING) == 1
                assert scrape.statuses("a", "training")["running"] == 1
                assert finished(scrape)["succeeded"] == 0
                assert scrape.errors("a", "training") == {"permission": number}
        for _ in range(2):
            assert finished(await exporter.scrape())["succeeded"] == 3
    warnings = [line for line in logged() if "not everything else" in line]
    assert len(warnings) == 1


@pytest.mark.slow
async def test_a_deleted_job_is_no_completion():
    """A job that was deleted before it was seen as finished is not counted."""
    cloud = simulated("a")
    training = cloud.projects[0].training
    job = training.create_job(8, created=cloud.clock.now() - 90_000)
    training.history(60, cloud.clock.now() - 3600, seconds=40_000.0)
    async with exporting_from(cloud, listing_limit=5, page_size=10) as exporter:
        await exporter.scrape()
        training.delete_job(job)
        for _ in range(2):
            scrape = await exporter.scrape()
            assert sum(finished(scrape).values()) == 0
            assert scrape.errors("a", "training") == {}


@pytest.mark.slow
async def test_a_restarted_job_ends_again():
    """A visualization job that was restarted is counted each time it finishes."""
    cloud = simulated("a")
    jobs = cloud.projects[0].visualization
    job = jobs.create_job(8, created=cloud.clock.now() - 9000)
    async with exporting_from(cloud) as exporter:
        for status in (12, 8, 12, 8, 10):
            await exporter.scrape()
            if status == 8:
                jobs.set_status(job, 8)
                job.ended = None
            else:
                jobs.finish_job(job, status, cloud.clock.now())
        scrape = await exporter.scrape()

    assert finished(scrape, "visualization") == {
        "succeeded": 1,
        "failed": 0,
        "stopped": 2,
    }


@pytest.mark.slow
async def test_the_page_size_may_change():
    """A reload that changes how jobs are collected does not affect completions."""
    cloud = simulated("a")
    training = cloud.projects[0].training
    job = training.create_job(8, created=cloud.clock.now() - 30)
    async with exporting_from(cloud) as exporter:
        await exporter.scrape()
        training.finish_job(job, 10, cloud.clock.now())
        configuration = exporter.collector.configuration
        settings = replace(configuration.collection, page_size=100, listing_limit=5)
        exporter.collector.configure(replace(configuration, collection=settings))

        assert finished(await exporter.scrape())["succeeded"] == 1


class OddDates(MovingJobs):
    """An API that reports other creation times for some jobs."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.odd = {}

    async def fetch(self, query, number, size):
        """Answer a page."""
        page = await super().fetch(query, number, size)
        rows = [
            msgspec.structs.replace(
                row, create_time=self.odd.get(row.job_id, row.create_time)
            )
            for row in page.rows
        ]
        return replace(page, rows=rows)


@APIS
@pytest.mark.parametrize(
    ("date", "is_seen"),
    [
        (None, False),
        (0, False),
        (-1, False),
        (1.5, False),
        (2**53, False),
        ("", False),
        ("yesterday", False),
        (str(round(NOW * 1000)), True),
        (round(NOW * 1000) + 10**10, True),
    ],
)
def test_young_jobs_with_odd_dates(api, date, is_seen):
    """
    An odd date affects at most the completion of its own job.

    A job that was seen unfinished is known by its ID. One that starts and ends between
    two collections is known by its date only, which may be in the future.
    """
    jobs = Jobs(Kind.TRAINING)
    jobs.history(30, NOW - 3600)
    moving = OddDates(api, jobs, random.Random(1), 0.0)
    repeated = RepeatedCollection(api, moving, random.Random(1), 50)

    def create(status):
        moving.now += 1
        return jobs.create_job(status, created=moving.now)

    def completed():
        moving.now += 60
        assert asyncio.run(repeated.collect(4))
        return repeated.completions.so_far.numbers[Phase.SUCCEEDED]

    known = create(8)
    moving.odd[known.job_id] = date
    assert completed() == 0
    short, odd = create(8), create(8)
    moving.odd[odd.job_id] = date
    for job in (known, short, odd):
        jobs.finish_job(job, 10, moving.now)
    for _ in range(2):
        assert completed() == 2 + is_seen
    later = create(8)
    jobs.finish_job(later, 10, moving.now)
    for _ in range(2):
        assert completed() == 3 + is_seen


def test_an_overtaken_collection_counts_nothing():
    """Of two concurrent collections, only one is recorded: the other may know less."""
    completions = CompletionTracker(())
    first = CompletionObserver(completions.baseline, V1_STATUSES.get)
    job = Job("1", "one", V1_STATUSES[8], 1000)
    first.unfinished["1"] = job
    completions.record(first)

    slow, quick = (
        CompletionObserver(completions.baseline, V1_STATUSES.get) for _ in range(2)
    )
    slow.unfinished["1"] = job
    quick.finished["1"] = replace(job, status=V1_STATUSES[10])
    completions.record(quick)
    completions.record(slow)
    again = CompletionObserver(completions.baseline, V1_STATUSES.get)
    again.finished["1"] = replace(job, status=V1_STATUSES[10])
    completions.record(again)

    assert completions.so_far.numbers[Phase.SUCCEEDED] == 1


class RepeatedCollection:
    """Collects without HTTP; a collection may fail at any request."""

    def __init__(self, api, moving, chance, size):
        self.moving = moving
        self.chance = chance
        self.described, self.status_of = DESCRIBED[api]
        self.completions = CompletionTracker((60_000,))
        self.state = CountingState(PagingHints(size))
        self.fails = 0.0

    async def fetch(self, query, number, size):
        """Answer a page, or fail."""
        if self.chance.random() < self.fails:
            raise CollectionError(
                Failure(reason=Reason.API, problem="broken", advice="wait")
            )
        return await self.moving.fetch(query, number, size)

    async def collect(self, limit):
        """Collect once; return whether that was complete."""
        baseline = self.completions.baseline
        paginator = paging(
            self.described,
            self.fetch,
            self.state.hints,
            lambda: Snapshot(
                empty_counts((60_000,), self.described.statuses),
                self.status_of,
                baseline,
            ),
        )
        try:
            snapshot = await collect_jobs(paginator, self.state, limit)
            await find_completions(paginator, snapshot)
        except CollectionError:
            return False
        self.completions.record(snapshot.observer)
        return True


@APIS
def test_young_jobs_are_checked_twice(api):
    """A job that counting missed is found, even if jobs change during the search."""
    moving = MovingJobs(api, Jobs(Kind.TRAINING), random.Random(1), 0.0)
    moving.jobs.create_job(8, created=NOW)
    described, status_of = DESCRIBED[api]

    def new_snapshot():
        return Snapshot(empty_counts((), described.statuses), status_of)

    missed = new_snapshot()
    missed.complete = False
    paginator = paging(described, moving.fetch, PagingHints(50), new_snapshot)
    asyncio.run(find_completions(paginator, missed))

    assert len(missed.observer.unfinished) == 1


# `EXAMPLES=20000` takes about half an hour; the explicit examples are what it found.
@APIS
@example(seed=734, pace=0.3, fails=0.02, limits=[4], size=3)
@example(seed=872, pace=0.3, fails=0.1, limits=[4], size=3)
@example(seed=2_861_553, pace=0.3, fails=0.1, limits=[4], size=3)
@example(seed=2_437, pace=0.3, fails=0.02, limits=[4], size=3)
@settings(max_examples=examples(100))
@given(
    seed=st.integers(0, 2**32),
    pace=st.sampled_from([0.0, 0.0, 0.05, 0.3]),
    fails=st.sampled_from([0.0, 0.02, 0.1]),
    limits=st.lists(st.sampled_from([4, 1000]), min_size=1, max_size=3),
    size=st.sampled_from([3, 50]),
)
@pytest.mark.slow
def test_the_counters_are_the_clouds_own_record(api, seed, pace, fails, limits, size):
    """
    The counters match the simulator's record, except for jobs deleted unseen.

    Jobs start, end, come and go between the scrapes and during them; scrapes fail; the
    jobs are listed or counted, in turns.
    """
    chance = random.Random(seed)
    jobs = Jobs(Kind.TRAINING, seed=seed)
    jobs.history(chance.randrange(20), NOW - 3600)
    for status in [8, 8, 7, 1]:
        jobs.create_job(status, created=NOW - chance.randrange(90_000))
    jobs.jobs.sort(key=lambda job: job.created)
    moving = MovingJobs(api, jobs, chance, pace)
    repeated = RepeatedCollection(api, moving, chance, size)

    async def run():
        began = ended = None
        for round_number in range(8):
            before = len(jobs.completions)
            complete = await repeated.collect(limits[round_number % len(limits)])
            if complete and began is None:
                began, ended = before, len(jobs.completions)
            repeated.fails = fails
            for _ in range(chance.randrange(12)):
                moving.now += chance.randrange(400)
                one_move(chance, jobs, moving.now)
        moving.pace = repeated.fails = 0.0
        await repeated.collect(limits[0])
        if began is None:
            began = ended = len(jobs.completions)
        return began, ended

    began, ended = asyncio.run(run())

    there = {job.job_id for job in jobs.jobs}
    counted = repeated.completions.so_far.numbers
    surely = Counter(
        V1_STATUSES[end.status].phase
        for end in jobs.completions[ended:]
        if end.job_id in there
    )
    possibly = Counter(
        V1_STATUSES[end.status].phase for end in jobs.completions[began:]
    )
    for phase, number in counted.items():
        assert surely[phase] <= number <= possibly[phase], phase
        durations = repeated.completions.so_far.durations[phase]
        assert durations.number <= number


@pytest.mark.slow
def test_only_unfinished_and_young_jobs_are_remembered():
    """Of ten thousand jobs, only unfinished and young ones are remembered."""
    moving = MovingJobs("v1", Jobs(Kind.TRAINING), random.Random(1), 0.0)
    moving.jobs.history(10_000, NOW, seconds=10_000.0)
    unfinished = [moving.jobs.create_job(8, created=NOW) for _ in range(7)]
    repeated = RepeatedCollection("v1", moving, random.Random(1), 1000)

    async def run():
        for _ in range(3):
            assert await repeated.collect(1_000_000)

    asyncio.run(run())

    assert len(repeated.completions.baseline.unfinished) == len(unfinished)
    assert len(repeated.completions.baseline.recent) <= OVERLAP_MILLISECONDS / 1000 + 1
