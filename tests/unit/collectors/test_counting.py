"""The requests of a scrape that only counts jobs, and the accuracy of its numbers."""

import asyncio
import random

from dataclasses import replace
from itertools import chain

import pytest

from examples import examples
from harness import exporting_from, simulated
from hypothesis import example, given, settings
from hypothesis import strategies as st
from moving import (
    DESCRIBED,
    NOW,
    WRONG_ANSWERS,
    MovingJobs,
    one_move,
    paging,
    status_name,
)

from exporter.collectors.concurrency import attempt
from exporter.collectors.jobs.aggregates import empty_counts
from exporter.collectors.jobs.completion_search import find_completions
from exporter.collectors.jobs.counting import CountingState, collect_jobs
from exporter.collectors.jobs.kinds import Kind
from exporter.collectors.jobs.paginator import PagingHints
from exporter.collectors.jobs.snapshot import Snapshot
from exporter.collectors.jobs.statuses import V1_STATUSES, V2_STATUSES
from exporter.collectors.statuses import UNRECOGNIZED
from exporter.errors import Failure, Reason
from exporter.simulator import Dialect, Effect, Fault, Jobs


TRAINING = {"project": "a", "kind": "training"}
STATUSES = {"v1": len(V1_STATUSES), "v2": len(V2_STATUSES)}
PAGE = {"v1": 1000, "v2": 50}
APIS = pytest.mark.parametrize("api", ["v1", "v2"])


def truth(api, cloud):
    """Return the first project's actual numbers of training jobs by status."""
    found = {}
    for job in cloud.projects[0].training.jobs:
        name = status_name(api, job)
        found[name] = found.get(name, 0) + 1
    return found


def cloud_with_jobs(api, ended, unfinished=(8, 8, 8, 7, 7, 1, 9, 15)):
    """Return a cloud whose project `a` has these finished and unfinished jobs."""
    cloud = simulated("a", training_api=api)
    training = cloud.projects[0].training
    training.jobs.clear()
    training.capacity = None
    now = cloud.clock.now()
    training.history(ended, now - 3600)
    for index, status in enumerate(unfinished):
        training.create_job(status, created=now - 3000 + index)
    return cloud


def listing_requests(cloud):
    """Return the number of requests for training jobs, and reset it."""
    number = len(cloud.asked("training_jobs")) + len(
        cloud.asked("training_job_searches")
    )
    cloud.record.clear()
    return number


@APIS
@pytest.mark.parametrize("jobs", [10, 1_000, 10_000])
@pytest.mark.slow
async def test_requests_follow_the_unfinished_jobs(api, jobs):
    """
    A scrape's requests depend on statuses and unfinished jobs, not on the history.

    60 unfinished jobs are one page of v1 and two of v2, where one query has all phases
    that are not final.
    """
    unfinished = [8] * min(60, jobs // 2)
    cloud = cloud_with_jobs(api, jobs - len(unfinished), unfinished)
    async with exporting_from(cloud, listing_limit=500) as exporter:
        await exporter.scrape(60)
        listing_requests(cloud)
        costs = []
        for _ in range(2):
            scrape = await exporter.scrape(60)
            costs.append(listing_requests(cloud))

    assert scrape.statuses("a", "training") == truth(api, cloud)
    assert scrape.value("created_jobs", **TRAINING) == jobs
    assert scrape.value("listing_complete", **TRAINING) == (jobs <= 500)
    pages = -(-len(unfinished) // PAGE[api])
    full_listing = 1
    counting = STATUSES[api] + 1 + pages
    assert max(costs) <= (counting if jobs > 500 else full_listing)


@APIS
@pytest.mark.slow
async def test_a_counted_project_says_what_is_true(api):
    """Numbers by status are the cloud's; durations are those of unfinished jobs."""
    cloud = cloud_with_jobs(api, 900)
    now = cloud.clock.now()
    async with exporting_from(cloud, listing_limit=500) as exporter:
        for _ in range(3):
            scrape = await exporter.scrape()

            assert scrape.statuses("a", "training") == truth(api, cloud)
            assert scrape.value("up", **TRAINING) == 1
            assert scrape.value("listing_complete", **TRAINING) == 0
            assert scrape.value("created_jobs", **TRAINING) == 908
            running = {"phase": "running", **TRAINING}
            assert scrape.value("job_duration_seconds_gcount", **running) == 4
            assert scrape.value(
                "job_longest_duration_seconds", **running
            ) == pytest.approx(3000, abs=0.01)
            assert scrape.value(
                "job_oldest_created_timestamp_seconds", phase="pending", **TRAINING
            ) == pytest.approx(now - 2997, abs=0.01)
            for phase in ("succeeded", "failed", "stopped"):
                ended = {"phase": phase, **TRAINING}
                assert scrape.series("job_duration_seconds_gcount", **ended) == {}
                assert scrape.series("job_duration_seconds_bucket", **ended) == {}
    if api == "v1":
        assert scrape.value("running_job_quota", **TRAINING) == 5


@pytest.mark.slow
@APIS
async def test_the_limit_is_the_apis_own_by_default(api):
    """v1 lists up to 20,000 jobs, v2 up to 500."""
    limit = {"v1": 20_000, "v2": 500}[api]
    cloud = cloud_with_jobs(api, limit, unfinished=())
    async with exporting_from(cloud) as exporter:
        scrape = await exporter.scrape(30)
        assert scrape.value("listing_complete", **TRAINING) == 1
        cloud.projects[0].training.create_job(10, created=cloud.clock.now() - 9)
        scrape = await exporter.scrape(30)
        assert scrape.value("listing_complete", **TRAINING) == 0
        assert scrape.statuses("a", "training") == truth(api, cloud)


@APIS
@pytest.mark.slow
async def test_jobs_are_listed_again_when_there_are_clearly_fewer(api):
    """Between nine tenths of the limit and the limit, nothing changes."""
    cloud = cloud_with_jobs(api, 200, unfinished=())
    training = cloud.projects[0].training
    complete = []
    async with exporting_from(cloud, listing_limit=100) as exporter:
        for number in (200, 101, 95, 91, 90, 89, 95, 100):
            while len(training.jobs) > number:
                training.delete_job(training.jobs[0])
            while len(training.jobs) < number:
                training.create_job(10, created=cloud.clock.now() - 9)
            scrape = await exporter.scrape()
            assert scrape.statuses("a", "training") == truth(api, cloud)
            complete.append(scrape.value("listing_complete", **TRAINING))

    assert complete == [0, 0, 0, 0, 0, 1, 1, 1]


@APIS
@pytest.mark.slow
async def test_a_counted_project_that_becomes_empty(api):
    """An empty project has zeros like any other, and its next jobs are listed."""
    cloud = cloud_with_jobs(api, 200)
    training = cloud.projects[0].training
    async with exporting_from(cloud, listing_limit=100) as exporter:
        scrape = await exporter.scrape()
        assert scrape.value("listing_complete", **TRAINING) == 0
        for job in list(training.jobs):
            training.delete_job(job)
        for _ in range(2):
            scrape = await exporter.scrape()
            assert scrape.value("up", **TRAINING) == 1
            assert scrape.statuses("a", "training") == {}
            assert scrape.series("jobs", **TRAINING)
            assert scrape.value("created_jobs", **TRAINING) == 0
            # Deleted jobs have not finished.
            assert set(scrape.series("jobs_finished_total", **TRAINING).values()) == {0}
        assert scrape.value("listing_complete", **TRAINING) == 1
        training.create_job(8, created=cloud.clock.now() - 9)
        scrape = await exporter.scrape()

    assert scrape.statuses("a", "training") == truth(api, cloud) != {}
    assert scrape.errors("a", "training") == {}


@pytest.mark.parametrize(
    ("api", "dialect"),
    [
        ("v1", Dialect(ignores_filters=True)),
        ("v1", Dialect(total_ignores_filters=True)),
        ("v2", Dialect(ignores_filters=True)),
    ],
)
@pytest.mark.slow
async def test_an_api_that_does_not_count_as_asked(api, dialect, logged):
    """If totals ignore the filter, all jobs are listed, and one line is logged."""
    cloud = cloud_with_jobs(api, 900)
    cloud.dialect = dialect
    async with exporting_from(cloud, listing_limit=500) as exporter:
        costs = []
        for _ in range(3):
            scrape = await exporter.scrape()
            costs.append(listing_requests(cloud))

            assert scrape.value("up", **TRAINING) == 1
            assert scrape.value("listing_complete", **TRAINING) == 1
            assert scrape.statuses("a", "training") == truth(api, cloud)
    assert costs[1:] == [908 // PAGE[api] + 1] * 2
    assert len([line for line in logged() if "do not add up" in line]) == 1


@APIS
@pytest.mark.slow
async def test_an_unknown_status(api, logged):
    """Jobs of a status that cannot be queried are found by listing all jobs."""
    cloud = cloud_with_jobs(api, 900, unfinished=(8, 99))
    async with exporting_from(cloud, listing_limit=500) as exporter:
        for _ in range(2):
            scrape = await exporter.scrape()

    assert scrape.value("listing_complete", **TRAINING) == 1
    assert scrape.statuses("a", "training")["unrecognized"] == 1
    assert scrape.value("created_jobs", **TRAINING) == 902
    assert len([line for line in logged() if "do not add up" in line]) == 1


def paginator_of(api, fetch, hints):
    """Return a paginator over pages from `fetch`, as of a first collection."""
    described, status_of = DESCRIBED[api]
    return paging(
        described,
        fetch,
        hints,
        lambda: Snapshot(empty_counts((), described.statuses), status_of),
    )


async def test_a_fallback_lists_once():
    """After an hour without counts, jobs are counted without being listed first."""
    moving = MovingJobs("v1", Jobs(Kind.TRAINING), random.Random(1), 0.0)
    moving.jobs.history(900, NOW - 3600)
    filters_work = False

    async def fetch(query, number, size):
        statuses = query.statuses if filters_work else ()
        return await moving.fetch(replace(query, statuses=statuses), number, size)

    state = CountingState(PagingHints(10))
    paginator = paginator_of("v1", fetch, state.hints)
    assert (await collect_jobs(paginator, state, 50)).complete
    assert state.counts_unreliable_until > asyncio.get_running_loop().time() + 3000
    state.counts_unreliable_until = 0.0
    filters_work = True
    moving.requests = 0
    snapshot = await collect_jobs(paginator, state, 50)

    assert not snapshot.complete
    assert snapshot.counts.number == 900
    assert moving.requests <= STATUSES["v1"] + 2


async def test_an_api_that_repeats_a_page():
    """The search for completions stops at the first page."""
    moving = MovingJobs("v1", Jobs(Kind.TRAINING), random.Random(1), 0.0)
    moving.jobs.history(100, NOW, seconds=100.0)
    numbers = []

    async def fetch(query, number, size):
        if query.statuses:
            return await moving.fetch(query, number, size)
        numbers.append(number)
        return await moving.fetch(query, 1, size)

    hints = PagingHints(10)
    paginator = paginator_of("v1", fetch, hints)
    snapshot = await collect_jobs(paginator, CountingState(hints, is_counting=True), 20)
    numbers.clear()
    await find_completions(paginator, snapshot)

    assert not snapshot.complete
    assert numbers == list(range(9, 0, -1))


@APIS
@pytest.mark.slow
async def test_an_api_that_rejects_the_filter(api):
    """If an API rejects the filter, all jobs are listed."""
    cloud = cloud_with_jobs(api, 900)
    cloud.dialect = Dialect(refuses_filters=True)
    async with exporting_from(cloud, listing_limit=500) as exporter:
        scrape = await exporter.scrape()

    assert scrape.value("listing_complete", **TRAINING) == 1
    assert scrape.statuses("a", "training") == truth(api, cloud)


@APIS
@pytest.mark.slow
async def test_a_failing_count_fails_the_collection(api):
    """A failed count fails the collection, instead of giving a wrong number."""
    cloud = cloud_with_jobs(api, 900)
    async with exporting_from(cloud, listing_limit=500) as exporter:
        assert (await exporter.scrape()).value("up", **TRAINING) == 1
        name = {"v1": "training_jobs", "v2": "training_job_searches"}[api]
        with cloud.faults.on(
            Fault(effect=Effect.STATUS, api=name, status=403, code="ModelArts.0108")
        ):
            scrape = await exporter.scrape()
            assert scrape.value("up", **TRAINING) == 0
            assert scrape.series("jobs", **TRAINING) == {}
            assert scrape.errors("a", "training") == {"permission": 1}
        assert (await exporter.scrape()).value("up", **TRAINING) == 1


@APIS
@settings(max_examples=examples(200))
@given(
    seed=st.integers(0, 2**32),
    pace=st.sampled_from([0.0, 0.02, 0.1, 0.5, 1.0]),
    size=st.sampled_from([3, 50]),
)
@pytest.mark.slow
def test_numbers_while_jobs_change(api, seed, pace, size):
    """
    While jobs change, each number that was counted was true at some moment.

    A number from pages that were requested one after the other is at least the number
    of jobs that had the status throughout, and only of jobs that had it at some time.

    Before each answer, a job may start, end, be created or be deleted. The numbers add
    up to the number of jobs at some moment.
    """
    chance = random.Random(seed)
    jobs = Jobs(Kind.TRAINING, seed=seed)
    jobs.history(30, NOW - 3600)
    for status in [8] * 4 + [7] * 4 + [1, 9]:
        jobs.create_job(status, created=NOW - 3000)
    moving = MovingJobs(api, jobs, chance, pace)
    moving.observe()
    hints = PagingHints(size)

    snapshot = asyncio.run(
        collect_jobs(
            paginator_of(api, moving.fetch, hints),
            CountingState(hints, is_counting=True),
            20,
        )
    )

    assert_numbers_are_true(snapshot, moving)
    if pace == 0:
        assert not snapshot.complete
        assert moving.requests <= STATUSES[api] + 1 + 10 // size + len(
            DESCRIBED[api][0].unfinished
        )


def assert_numbers_are_true(snapshot, moving):
    """Compare each number with what was true while the jobs changed."""
    described, _ = DESCRIBED[moving.api]
    counts = snapshot.counts
    if snapshot.complete:
        # The fallback has a guarantee of its own: no job that existed throughout is
        # missed.
        assert len(moving.always) <= counts.number <= len(moving.ever)
        return
    assert counts.number in moving.totals
    for status, number in counts.statuses.items():
        if status in chain.from_iterable(described.unfinished):
            always = moving.always_had.get(status.name, set())
            assert len(always) <= number <= len(moving.ever_had[status.name]), status
        elif status is not UNRECOGNIZED:
            seen = moving.seen[status.name]
            assert min(seen) <= number <= max(seen), status


@APIS
@example(seed=315, pace=0.5, size=50, wrong_answer="half of the jobs", is_counting=True)
@example(seed=25_549, pace=0.5, size=3, wrong_answer="one more", is_counting=False)
@settings(max_examples=examples(100))
@given(
    seed=st.integers(0, 2**32),
    pace=st.sampled_from([0.0, 0.02, 0.5]),
    size=st.sampled_from([3, 50]),
    wrong_answer=st.sampled_from(sorted(set(WRONG_ANSWERS) - {"none"})),
    is_counting=st.booleans(),
)
@pytest.mark.slow
def test_no_wrong_answer_is_published(api, seed, pace, size, wrong_answer, is_counting):
    """
    Contradictory answers are a failure, even while jobs change, listed or counted.

    Published numbers are true, except if wrong totals add up by chance.
    """
    chance = random.Random(seed)
    jobs = Jobs(Kind.TRAINING, seed=seed)
    jobs.history(30, NOW - 3600)
    for status in [8] * 4 + [7] * 4 + [1, 9]:
        jobs.create_job(status, created=NOW - 3000)
    moving = MovingJobs(api, jobs, chance, pace, wrong_answer=wrong_answer)
    moving.observe()
    hints = PagingHints(size)

    collected = asyncio.run(
        attempt(
            collect_jobs,
            paginator_of(api, moving.fetch, hints),
            CountingState(hints, is_counting=is_counting),
            20 if is_counting else 1000,
        )
    )

    assert moving.requests < 1500
    if isinstance(collected, Failure):
        assert collected.reason is Reason.RESPONSE
        assert "list" in collected.problem
        return
    # Changing jobs can explain some wrong answers, and some are not wrong on a single
    # page; the numbers are then those of the actual jobs. Totals that are off by one
    # can add up by chance while jobs change; nothing in the answers distinguishes them
    # from right ones.
    if not (is_counting and wrong_answer in {"one more", "less"} and pace > 0):
        assert_numbers_are_true(collected, moving)
    if pace == 0:
        assert wrong_answer in {"a total on some pages", "the same jobs"}
        assert size == 50


@pytest.mark.slow
async def test_changing_numbers_over_http():
    """The same for a whole exporter, with changes before every answer."""
    cloud = cloud_with_jobs("v1", 60, unfinished=[8] * 4 + [7] * 4 + [1, 9])
    training = cloud.projects[0].training
    chance = random.Random(1)
    cloud.before_answer = lambda _, page: (
        one_move(chance, training, cloud.clock.now()) if chance.random() < 0.2 else None
    )
    async with exporting_from(cloud, listing_limit=20) as exporter:
        for _ in range(3):
            scrape = await exporter.scrape()
            total = sum(scrape.statuses("a", "training").values())
            assert scrape.value("created_jobs", **TRAINING) == total
