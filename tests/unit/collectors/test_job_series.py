"""Series of single jobs: opt-in, unfinished, the longest running first, limited."""

import pytest

from harness import exporting_from, simulated

from exporter.config import JobSeries
from exporter.simulator import Effect, Fault, uuid_of


NAMES = (
    "job_info",
    "job_run_duration_seconds",
    "job_created_timestamp_seconds",
    "job_remaining_duration_seconds",
    "job_series_dropped",
)
ENABLED = JobSeries(enabled=True, max_per_project=3)


def shown(scrape, name, kind="training"):
    """Return the values of a metric by job ID."""
    return {
        dict(labels)["job_id"]: value
        for labels, value in scrape.series(name, project="a", kind=kind).items()
    }


def with_jobs(training_api="v1"):
    """Return a cloud with unfinished jobs of known ages."""
    cloud = simulated("a", training_api=training_api)
    project, now = cloud.projects[0], cloud.clock.now()
    project.training.jobs.clear()
    project.training.history(20, now - 3600)
    for status, age in ((8, 500), (7, 900), (15, 700), (9, 600), (1, 800)):
        project.training.create_job(status, created=now - age)
    for age in (7200, 3600, 60):
        project.visualization.create_job(8, created=now - age)
    project.visualization.create_job(7, created=now - 30)
    return cloud


async def test_no_series_by_default():
    """Without `job_series` there are none."""
    async with exporting_from(with_jobs()) as exporter:
        scrape = await exporter.scrape()

    assert [name for name in NAMES if scrape.series(name)] == []


@pytest.mark.parametrize("limit", [None, 5], ids=["listed", "counted"])
@pytest.mark.parametrize("api", ["v1", "v2"])
@pytest.mark.slow
async def test_the_longest_running_come_first(api, limit):
    """Only `job_series` of them have series; the number of the others is exported."""
    cloud = with_jobs(api)
    unfinished = [job for job in cloud.projects[0].training.jobs if not job.ended]
    by_age = {round(cloud.clock.now() - job.created): job for job in unfinished}
    name = {"v1": lambda job: str(job.job_id), "v2": uuid_of}[api]
    async with exporting_from(
        cloud, job_series=ENABLED, listing_limit=limit
    ) as exporter:
        scrape = await exporter.scrape()
        everything = await exporter.scrape()

    expected = [by_age[age] for age in (700, 600, 500)]
    assert shown(scrape, "job_run_duration_seconds") == {
        name(job): pytest.approx(age, abs=0.01)
        for job, age in zip(expected, (700, 600, 500), strict=True)
    }
    assert shown(scrape, "job_created_timestamp_seconds") == {
        name(job): pytest.approx(job.created, abs=0.01) for job in expected
    }
    infos = {
        (dict(labels)["job_name"], dict(labels)["phase"], value)
        for labels, value in everything.series("job_info", kind="training").items()
    }
    assert infos == {
        (expected[0].name, "running", 1),
        (expected[1].name, "stopping", 1),
        (expected[2].name, "running", 1),
    }
    assert scrape.value("job_series_dropped", project="a", kind="training") == 2


async def test_jobs_that_have_not_started_come_last():
    """Jobs without a duration come last, the oldest of them first."""
    cloud = with_jobs()
    series = JobSeries(enabled=True, max_per_project=4)
    async with exporting_from(cloud, job_series=series) as exporter:
        scrape = await exporter.scrape()
    waiting = next(job for job in cloud.projects[0].training.jobs if job.status == 7)

    assert str(waiting.job_id) in shown(scrape, "job_info")
    assert str(waiting.job_id) not in shown(scrape, "job_run_duration_seconds")
    assert scrape.value("job_series_dropped", project="a", kind="training") == 1


async def test_remaining_durations():
    """A visualization job's remaining time takes one request for its details."""
    cloud = with_jobs()
    async with exporting_from(cloud, job_series=ENABLED) as exporter:
        scrape = await exporter.scrape()

    assert sorted(
        shown(scrape, "job_remaining_duration_seconds", "visualization").values()
    ) == pytest.approx([21_600, 25_200, 28_740], abs=0.01)
    assert len(cloud.asked("visualization_job")) == 3
    assert shown(scrape, "job_remaining_duration_seconds") == {}
    assert scrape.value("job_series_dropped", project="a", kind="visualization") == 1


async def test_a_job_that_does_not_stop_by_itself():
    """Null means no sample, not zero."""
    cloud = with_jobs()
    series = JobSeries(enabled=True, max_per_project=10)
    async with exporting_from(cloud, job_series=series) as exporter:
        scrape = await exporter.scrape()

    assert len(shown(scrape, "job_info", "visualization")) == 4
    assert len(shown(scrape, "job_remaining_duration_seconds", "visualization")) == 3


@pytest.mark.parametrize(
    ("fault", "errors"),
    [
        (Fault(effect=Effect.STATUS, status=403, code="ModelArts.0112"), "permission"),
        (Fault(effect=Effect.NOT_SUCCESSFUL), "api"),
        (Fault(effect=Effect.TRUNCATED), "response"),
        pytest.param(Fault(effect=Effect.HANG), "timeout", marks=pytest.mark.slow),
        (Fault(effect=Effect.STATUS, status=400, code="ModelArts.0102"), None),
    ],
    ids=["refused", "unsuccessful", "truncated", "hangs", "gone"],
)
async def test_details_that_fail_cost_only_themselves(fault, errors):
    """The other jobs keep their series; a job that was deleted is no error."""
    cloud = with_jobs()
    fault.api = "visualization_job"
    fault.times = 1
    cloud.faults.add(fault)
    async with exporting_from(cloud, job_series=ENABLED) as exporter:
        scrape = await exporter.scrape(2)

    assert scrape.up() == {("a", "training"): 1, ("a", "visualization"): 1}
    assert len(shown(scrape, "job_info", "visualization")) == 3
    assert len(shown(scrape, "job_remaining_duration_seconds", "visualization")) == 2
    assert scrape.errors("a", "visualization") == ({errors: 1} if errors else {})


async def test_names_are_escaped():
    """A job's name may be any text."""
    cloud = with_jobs()
    name = 'a "quoted"\\name\nin two lines'
    for job in cloud.projects[0].training.jobs:
        job.name = name
    async with exporting_from(cloud, job_series=ENABLED) as exporter:
        scrape = await exporter.scrape()

    assert {
        dict(labels)["job_name"]
        for labels in scrape.series("job_info", kind="training")
    } == {name}
