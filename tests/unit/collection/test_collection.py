"""Scrapes: complete, in time, shared, retried if that helps, and consistent."""

import asyncio
import contextlib
import time

from collections import Counter
from dataclasses import replace

import httpx
import pytest

from examples import examples
from harness import (
    configuration,
    exporting,
    exporting_from,
    key_auth,
    simulated,
    with_cloud,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.collectors.jobs.kinds import Kind
from exporter.collectors.jobs.statuses import V1_STATUSES
from exporter.config import RateLimit
from exporter.simulator import (
    Dialect,
    Effect,
    Fault,
    Jobs,
    ManualClock,
    RealClock,
    SimulatedCloud,
    Throttle,
    demo_cloud,
    phase_of,
    serve,
)


def assert_numbers_match(scrape, cloud: SimulatedCloud) -> None:
    """Assert that a scrape has the cloud's actual numbers."""
    for project in cloud.projects:
        for kind in Kind:
            jobs = project.jobs(kind)
            labels = {"project": project.name, "kind": kind}
            is_v2 = kind is Kind.TRAINING and project.training_api == "v2"
            expected = Counter(
                phase_of(job).lower() if is_v2 else V1_STATUSES[job.status].name
                for job in jobs.jobs
            )
            assert scrape.statuses(project.name, kind) == expected
            assert scrape.value("up", **labels) == 1
            assert scrape.value("created_jobs", **labels) == len(jobs.jobs)
            quota = scrape.value("running_job_quota", **labels)
            assert quota == (None if is_v2 else jobs.quota)
            assert scrape.value("job_count_limit_remaining", **labels) == jobs.remaining


@pytest.mark.slow
async def test_a_scrape_says_what_is_true():
    """Counts, quotas and limits of all projects are the cloud's."""
    cloud = demo_cloud(ManualClock())
    cloud.identity.users[0].domain = "OTC1"
    cloud.identity.users[0].password = "canary-password-7f3a"
    async with exporting_from(cloud, page_size=100) as exporter:
        for _ in range(3):
            assert_numbers_match(await exporter.scrape(), cloud)
            cloud.clock.advance(600)


async def test_durations_and_times():
    """Histograms, longest durations and oldest times match the jobs."""
    cloud = simulated("a")
    now = cloud.clock.now()
    training = cloud.projects[0].training
    training.jobs.clear()
    for seconds in (30, 90, 4000):
        training.create_job(10, created=now - 9000, duration=seconds)
    running = training.create_job(8, created=now - 700)
    training.create_job(7, created=now - 800)
    training.create_job(1, created=now - 600)
    async with exporting_from(cloud) as exporter:
        scrape = await exporter.scrape()
    labels = {"project": "a", "kind": "training"}
    done = {**labels, "phase": "succeeded"}

    buckets = {
        le: scrape.value("job_duration_seconds_bucket", le=le, **done)
        for le in ("60.0", "300.0", "3600.0", "7200.0", "+Inf")
    }
    assert buckets == {"60.0": 1, "300.0": 2, "3600.0": 2, "7200.0": 3, "+Inf": 3}
    assert scrape.value("job_duration_seconds_gcount", **done) == 3
    assert scrape.value("job_duration_seconds_gsum", **done) == pytest.approx(4120)
    assert scrape.value("job_longest_duration_seconds", **done) == pytest.approx(4000)
    assert scrape.value(
        "job_longest_duration_seconds", phase="running", **labels
    ) == pytest.approx(700, abs=0.01)
    assert (
        scrape.value("job_longest_duration_seconds", phase="failed", **labels) is None
    )
    assert scrape.value(
        "job_oldest_created_timestamp_seconds", phase="pending", **labels
    ) == pytest.approx(now - 800, abs=0.01)
    assert scrape.value(
        "job_oldest_created_timestamp_seconds", phase="running", **labels
    ) == pytest.approx(running.created, abs=0.01)
    assert (
        scrape.value("job_oldest_created_timestamp_seconds", phase="stopping", **labels)
        is None
    )
    assert scrape.value("listing_complete", **labels) == 1


@pytest.mark.parametrize(
    "dialect",
    [
        Dialect(numbers_as_strings=True),
        Dialect(without_success=True),
        Dialect(extra_fields=True),
        Dialect(null_when_empty=True),
        Dialect(largest_page=100),
        Dialect(largest_page=100, refuses_with_200=True),
        Dialect(largest_page=7, clamps_pages=True),
    ],
    ids=lambda dialect: next(
        name
        for name in (
            "refuses_with_200",
            "numbers_as_strings",
            "without_success",
            "extra_fields",
            "null_when_empty",
            "clamps_pages",
            "largest_page",
        )
        if getattr(dialect, name)
    ),
)
@pytest.mark.slow
async def test_odd_answers_are_counted(dialect):
    """Each known difference between deployments gives the same, right counts."""
    cloud = simulated("a", "b")
    cloud.projects[1].training.jobs.clear()
    cloud.projects[0].training.history(240, cloud.clock.now() - 100)
    cloud.projects[0].training.jobs.sort(key=lambda job: job.created)
    cloud.dialect = dialect
    async with exporting_from(cloud) as exporter:
        for _ in range(2):
            assert_numbers_match(await exporter.scrape(), cloud)


async def test_unlimited_and_unknown_limits_have_no_samples():
    """Unlimited and unknown limits are absent, not zero or -1."""
    cloud = simulated("a")
    cloud.projects[0].training.quota = None
    cloud.projects[0].training.capacity = None
    async with exporting_from(cloud) as exporter:
        scrape = await exporter.scrape()
        assert not scrape.series("running_job_quota", project="a", kind="training")
        assert not scrape.series(
            "job_count_limit_remaining", project="a", kind="training"
        )
        assert scrape.series("running_job_quota", project="a", kind="visualization")
        cloud.dialect = Dialect(without_limits=True)
        scrape = await exporter.scrape()
        assert not scrape.series("running_job_quota")
        assert not scrape.series("job_count_limit_remaining")
        assert scrape.value("created_jobs", project="a", kind="training") == 13


async def test_unknown_statuses():
    """An unknown status is counted as `unrecognized`."""
    cloud = simulated("a")
    cloud.projects[0].training.create_job(99, created=cloud.clock.now())
    async with exporting_from(cloud) as exporter:
        scrape = await exporter.scrape()

    assert (
        scrape.value(
            "jobs", project="a", kind="training", status="unrecognized", phase="unknown"
        )
        == 1
    )


async def test_only_the_workspace_that_is_configured():
    """Jobs of other workspaces are not counted; another workspace can be configured."""
    cloud = simulated("a")
    training = cloud.projects[0].training
    training.create_job(9, created=cloud.clock.now(), workspace_id="w1")

    def other_workspace(configured):
        project = replace(configured.projects[0], workspace_id="w1", name="w")
        return replace(configured, projects=(*configured.projects, project))

    async with exporting_from(cloud, change=other_workspace) as exporter:
        scrape = await exporter.scrape()

    assert "killing" not in scrape.statuses("a", "training")
    assert scrape.statuses("w", "training") == {"killing": 1}


@pytest.mark.slow
async def test_compressed_answers_and_cookies():
    """Compressed answers are read; cookies are not sent back."""
    cloud = simulated("a")
    async with exporting_from(cloud) as exporter:
        with cloud.faults.on(Fault(effect=Effect.GZIP)):
            assert_numbers_match(await exporter.scrape(), cloud)
        with cloud.faults.on(Fault(effect=Effect.COOKIE)):
            assert_numbers_match(await exporter.scrape(), cloud)
        assert_numbers_match(await exporter.scrape(), cloud)


@pytest.mark.slow
async def test_hanging_projects_do_not_delay_the_others():
    """If three of 20 projects hang, a scrape has the other 17 in time."""
    names = [f"p{number:02}" for number in range(20)]
    cloud = simulated(*names)
    for project in cloud.projects[:3]:
        cloud.faults.add(Fault(effect=Effect.HANG, project_id=project.project_id))
    async with exporting_from(cloud, timeout_offset=4.0) as exporter:
        scrape = await exporter.scrape(6)
        assert scrape.response.elapsed.total_seconds() < 6
        down = {project for (project, _), up in scrape.up().items() if not up}
        assert down == set(names[:3])
        assert scrape.errors("p00", "training") == {"timeout": 1}
        assert scrape.errors("p03", "training") == {}

        cloud.faults.clear()
        assert_numbers_match(await exporter.scrape(20), cloud)


@pytest.mark.slow
async def test_simultaneous_scrapes_share_their_requests():
    """Ten scrapes at once send the requests of one."""
    cloud = simulated("a", "b")
    async with exporting_from(cloud) as exporter:
        await exporter.scrape()
        before = len(cloud.asked())
        cloud.latency = 0.2
        scrapes = await asyncio.gather(*(exporter.scrape() for _ in range(10)))
        assert len(cloud.asked()) - before == 4
        for scrape in scrapes:
            assert_numbers_match(scrape, cloud)
        last = await exporter.scrape()

    assert last.value("exporter_coalesced_collections_total") == 9 * 4


@pytest.mark.slow
async def test_a_shorter_deadline_does_not_cut_the_others_collection():
    """The scrape with a short deadline times out; the others still get the result."""
    cloud = simulated("a")
    async with exporting_from(cloud) as exporter:
        await exporter.scrape()
        cloud.latency = 0.6
        short, long = await asyncio.gather(exporter.scrape(0.7), exporter.scrape(5))

    assert set(short.up().values()) == {0.0}
    assert short.errors("a", "training") == {"timeout": 1}
    assert_numbers_match(long, cloud)
    assert len(cloud.asked("training_jobs")) == 2


@pytest.mark.slow
async def test_a_long_timeout_does_not_delay_other_scrapes():
    """A hanging run continues for scrapes with time left; later ones start another."""
    cloud = simulated("a")
    async with exporting_from(cloud) as exporter:
        await exporter.scrape()
        cloud.faults.add(Fault(effect=Effect.HANG))
        unlimited = asyncio.create_task(exporter.scrape(1e308))
        await asyncio.wait_for(_met(cloud, 2), 10)
        assert set((await exporter.scrape(1)).up().values()) == {0.0}
        # The fault is over; a hanging request still hangs.
        cloud.faults.clear()
        for _ in range(3):
            assert_numbers_match(await exporter.scrape(10), cloud)
        assert not unlimited.done()

        unlimited.cancel()
        await asyncio.wait([unlimited])
        assert_numbers_match(await exporter.scrape(10), cloud)


async def _met(cloud, times):
    while sum(fault.met for fault in cloud.faults.active) < times:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


@pytest.mark.slow
async def test_a_client_that_leaves_cancels_its_collection():
    """When nobody waits any more, the requests are canceled, and that is counted."""
    cloud = simulated("a")
    async with exporting_from(cloud) as exporter:
        await exporter.scrape()
        cloud.faults.add(Fault(effect=Effect.HANG))
        with contextlib.suppress(httpx.TimeoutException):
            await exporter.client.get(f"{exporter.url}/metrics", timeout=0.3)
        cloud.faults.clear()
        scrape = await exporter.scrape()

    assert_numbers_match(scrape, cloud)
    assert scrape.errors("a", "training") == {"canceled": 1}
    assert (
        scrape.value(
            "exporter_api_requests_total",
            cloud="otc",
            api="training_jobs",
            code="error",
        )
        == 1
    )


@pytest.mark.slow
async def test_a_client_that_leaves_does_not_cancel_a_shared_collection():
    """A collection continues while another scrape waits for it."""
    cloud = simulated("a")
    async with exporting_from(cloud) as exporter:
        await exporter.scrape()
        cloud.latency = 0.6
        stays = asyncio.create_task(exporter.scrape(5))
        with contextlib.suppress(httpx.TimeoutException):
            await exporter.client.get(f"{exporter.url}/metrics", timeout=0.2)
        scrape = await stays

    assert_numbers_match(scrape, cloud)
    assert scrape.errors("a", "training") == {}
    assert len(cloud.asked("training_jobs")) == 2


async def test_min_interval_serves_a_result_again():
    """Within the interval, a result or failure is reused without a request."""
    cloud = simulated("a")
    async with exporting_from(cloud, min_interval=60.0) as exporter:
        with cloud.faults.on(
            Fault(effect=Effect.STATUS, status=404, api="training_jobs")
        ):
            first = await exporter.scrape()
        asked = len(cloud.asked())
        second = await exporter.scrape()

    assert len(cloud.asked()) == asked
    assert (
        first.up() == second.up() == {("a", "training"): 0, ("a", "visualization"): 1}
    )
    assert second.errors("a", "training") == {"api": 1}


async def test_a_result_is_not_served_again_without_min_interval():
    """By default, every scrape sends requests."""
    cloud = simulated("a")
    async with exporting_from(cloud) as exporter:
        await exporter.scrape()
        asked = len(cloud.asked())
        await exporter.scrape()

    assert len(cloud.asked()) == asked + 2


@pytest.mark.parametrize(
    ("fault", "times", "requests"),
    [
        (Fault(effect=Effect.STATUS, status=500), 2, 3),
        (Fault(effect=Effect.STATUS, status=503), 1, 2),
        (Fault(effect=Effect.RESET), 2, 3),
        (Fault(effect=Effect.BREAK), 1, 2),
        pytest.param(
            Fault(effect=Effect.STATUS, status=429), 3, 4, marks=pytest.mark.slow
        ),
        pytest.param(
            Fault(effect=Effect.STATUS, status=429, retry_after="1"),
            1,
            2,
            marks=pytest.mark.slow,
        ),
    ],
    ids=["500", "503", "reset", "break", "429", "429 with Retry-After"],
)
async def test_transient_faults_are_retried(fault, times, requests):
    """A transient fault is retried, and the collection succeeds."""
    cloud = simulated("a")
    async with exporting_from(cloud, timeout=8.0) as exporter:
        await exporter.scrape()
        before = len(cloud.asked("training_jobs"))
        fault.api, fault.times = "training_jobs", times
        cloud.faults.add(fault)
        scrape = await exporter.scrape()

    assert_numbers_match(scrape, cloud)
    assert len(cloud.asked("training_jobs")) - before == requests
    retries = scrape.series("exporter_api_retries_total", api="training_jobs")
    # Half of the broken connections are replaced by the transport, where they are kept
    # alive.
    assert sum(retries.values()) == (1 if fault.effect is Effect.RESET else times)


@pytest.mark.slow
async def test_server_faults_are_retried_twice_at_most():
    """A permanent fault takes three requests, not more."""
    cloud = simulated("a")
    cloud.faults.add(Fault(effect=Effect.STATUS, status=500, api="training_jobs"))
    async with exporting_from(cloud) as exporter:
        scrape = await exporter.scrape()

    assert scrape.up()["a", "training"] == 0
    assert len(cloud.asked("training_jobs")) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413])
@pytest.mark.slow
async def test_denials_are_not_retried(status):
    """A denied request is not retried (a 401 is, with a new token)."""
    cloud = simulated("a")
    cloud.faults.add(Fault(effect=Effect.STATUS, status=status, api="training_jobs"))
    async with exporting_from(cloud, page_size=100) as exporter:
        await exporter.scrape()

    assert len(cloud.asked("training_jobs")) == (2 if status == 401 else 1)


@pytest.mark.slow
async def test_a_retry_that_would_be_late_is_not_made():
    """If `Retry-After` is beyond the deadline, the failure is reported at once."""
    cloud = simulated("a", "b")
    cloud.faults.add(
        Fault(
            effect=Effect.STATUS, status=429, retry_after="30", project_id=f"{1:032x}"
        )
    )
    async with exporting_from(cloud) as exporter:
        started = asyncio.get_running_loop().time()
        scrape = await exporter.scrape(10)
        assert asyncio.get_running_loop().time() - started < 8
        assert scrape.errors("a", "training") == {"throttled": 1}
        assert scrape.up()["b", "training"] == 1
        asked = len(cloud.asked())
        again = await exporter.scrape(10)

    assert again.errors("a", "training") == {"throttled": 2}
    # Until the 30 s are over, the throttled operation is not requested again.
    assert len(cloud.asked()) == asked + 2


@pytest.mark.slow
async def test_a_throttling_cloud_is_listed_all_the_same():
    """With occasional 429s, a scrape takes longer, but is complete."""
    cloud = simulated("a", "b", "c", "d")
    cloud.clock = cloud.identity.clock = RealClock()
    cloud.throttle = Throttle(per_second=20, burst=3)
    async with exporting_from(cloud, timeout=20.0) as exporter:
        scrape = await exporter.scrape()

    assert set(scrape.up().values()) == {1.0}
    assert 429 in {asked.status for asked in cloud.asked()}


@pytest.mark.slow
async def test_projects_share_a_throttling_cloud():
    """A project with forty pages does not delay small ones, scrape after scrape."""
    small = [f"small{number}" for number in range(8)]
    cloud = simulated("deep", *small)
    cloud.clock = cloud.identity.clock = RealClock()
    deep = cloud.projects[0]
    deep.training = Jobs(Kind.TRAINING, quota=5, capacity=1000)
    deep.training.history(400, cloud.clock.now() - 60)
    async with exporting_from(cloud, page_size=10) as exporter:
        await exporter.scrape()
        cloud.throttle = Throttle(per_second=100, burst=10)
        cloud.latency = 0.01
        # This one sends as many requests at once as before, in any order.
        assert set((await exporter.scrape()).up().values()) == {1.0}
        for _ in range(2):
            cloud.record.clear()
            scrape = await exporter.scrape()
            assert set(scrape.up().values()) == {1.0}
            answered = [
                asked.project_id for asked in cloud.asked() if asked.status == 200
            ]
            # All eight are complete before half of the deep one is.
            half = [at for at, one in enumerate(answered) if one == deep.project_id][20]
            assert set(answered[:half]) == {one.project_id for one in cloud.projects}
            assert 429 in {asked.status for asked in cloud.asked()}


@pytest.mark.slow
async def test_rate_limit():
    """The cloud's rate limit applies to all its projects, logins included."""
    cloud = simulated("a", "b", "c")
    limit = RateLimit(requests_per_second=20, burst=2)
    async with exporting_from(cloud, change=with_cloud(rate_limit=limit)) as exporter:
        started = asyncio.get_running_loop().time()
        scrape = await exporter.scrape()
        took = asyncio.get_running_loop().time() - started

    assert set(scrape.up().values()) == {1.0}
    assert took >= (len(cloud.asked()) - 2) / 20 - 0.01


@pytest.mark.slow
async def test_max_concurrent_requests():
    """Never more requests are in flight than allowed."""
    cloud = simulated(*"abcdefgh")
    cloud.latency = 0.05
    most = running = 0

    async with serve(cloud) as url:
        configured = configuration(cloud, url, key_auth(), max_concurrent_requests=3)
        async with exporting(configured) as exporter:
            scheduler = exporter.collector.scheduler
            dispatch = scheduler.dispatch

            def watch():
                nonlocal most, running
                dispatch()
                running = scheduler.held
                most = max(most, running)

            scheduler.dispatch = watch
            scrape = await exporter.scrape()

    assert set(scrape.up().values()) == {1.0}
    assert most == 3


@pytest.mark.slow
@settings(
    max_examples=examples(25),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["create", "delete", "nothing"]), st.integers(0, 200)
        ),
        min_size=5,
        max_size=60,
    )
)
def test_listings_are_consistent_while_jobs_come_and_go(actions):
    """
    Whatever happens between two pages, no job counts twice and none is missed.

    Jobs that exist throughout the scrape have a status of their own, to be counted by
    it.
    """
    cloud = simulated("a", clock=RealClock())
    training = cloud.projects[0].training
    training.jobs.clear()
    past = time.time() - 3600
    for index in range(60):
        training.create_job(10, created=past + index, duration=1.0)
    lasting = training.jobs[::2]
    for job in lasting:
        training.set_status(job, 16)
    pending = iter(actions)

    def change(api, page):
        action, index = next(pending, ("nothing", 0))
        passing = [job for job in training.jobs if job not in lasting]
        if action == "create":
            training.create_job(10, created=time.time(), duration=0.0)
        elif action == "delete" and passing:
            training.delete_job(passing[index % len(passing)])

    cloud.before_answer = change

    async def run():
        async with exporting_from(
            cloud, key_auth(), page_size=7, timeout=20.0
        ) as exporter:
            return [await exporter.scrape() for _ in range(2)]

    for scrape in asyncio.run(run()):
        statuses = scrape.statuses("a", "training")
        assert statuses["submit_model_failed"] == len(lasting)
        assert sum(statuses.values()) <= 60 + len(actions)
