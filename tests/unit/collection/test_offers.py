"""What a cloud does not offer is no failure, unless the configuration asks for it."""

import asyncio

import pytest

from harness import Scrape, configuration, exporting, simulated, with_projects

from exporter.collectors.jobs.kinds import Kind
from exporter.config import TrainingApi
from exporter.simulator import Effect, Fault, Jobs, ManualClock, serve


V1 = {"project": "a", "kind": "training", "api_version": "v1"}
V2 = {"project": "a", "kind": "training", "api_version": "v2"}
VISUALIZATION = {"project": "a", "kind": "visualization", "api_version": "v1"}
AUTO = TrainingApi.AUTO


def exporter_of(url, cloud, clock=None, **project):
    """Run an exporter of both versions, unless `project` says otherwise."""
    change = with_projects(**{"training_api": AUTO, **project})
    configured = change(configuration(cloud, url))
    return exporting(configured, clock=(clock or cloud.clock).now)


@pytest.mark.slow
async def test_both_versions_are_collected():
    """The two versions list different jobs, so they are different series."""
    cloud = simulated("a")
    other = Jobs(Kind.TRAINING)
    other.history(25, cloud.clock.now() - 60)
    cloud.projects[0].other_training = other
    async with serve(cloud) as url, exporter_of(url, cloud) as exporter:
        scrape = await exporter.scrape()

    for labels, jobs in ((V1, cloud.projects[0].training), (V2, other)):
        assert scrape.value("up", **labels) == 1
        assert scrape.value("offered", **labels) == 1
        assert scrape.value("created_jobs", **labels) == len(jobs.jobs)
        assert sum(scrape.series("jobs", **labels).values()) == len(jobs.jobs)


@pytest.mark.slow
async def test_what_is_not_offered_is_no_failure(logged):
    """A missing API has one series, is logged once and asked for again every hour."""
    cloud = simulated("a", training_api="v2")
    cloud.not_offered = {"training_jobs", "visualization_jobs"}
    clock = ManualClock()
    async with serve(cloud) as url, exporter_of(url, cloud, clock) as exporter:
        scrapes = [await exporter.scrape() for _ in range(3)]
        clock.advance(3599)
        scrapes.append(await exporter.scrape())
        for scrape in scrapes:
            for labels in (V1, VISUALIZATION):
                (found,) = [
                    key[0]
                    for key in scrape.samples
                    if key[1] == frozenset(labels.items())
                ]
                assert found == "modelarts_offered"
                assert scrape.value("offered", **labels) == 0
                assert not scrape.series("collection_errors_total", **labels)
            assert scrape.value("up", **V2) == scrape.value("offered", **V2) == 1
        assert len(cloud.asked("training_jobs")) == 1
        page = (await exporter.client.get(f"{exporter.url}/?project=a")).text
        assert "Training jobs (v1), Visualization jobs: not offered. The cloud" in page
        assert "<strong>1</strong> Collected" in page

        clock.advance(1)
        await exporter.scrape()
        assert len(cloud.asked("training_jobs")) == 2
        cloud.not_offered.clear()
        clock.advance(3600)
        scrape = await exporter.scrape()
        assert scrape.value("up", **V1) == scrape.value("up", **VISUALIZATION) == 1

    lines = [line for line in logged() if " level=debug " not in line]
    reported = [line for line in lines if "not offered by the cloud" in line]
    assert len(reported) == 2
    assert all(" level=info " in line for line in reported)
    assert any("kind=training api_version=v1" in line for line in reported)
    assert not [line for line in lines if " level=warn" in line]


@pytest.mark.slow
async def test_a_reload_asks_at_once():
    """A reload asks at once, since the cloud may offer it now."""
    cloud = simulated("a", training_api="v2")
    cloud.not_offered = {"training_jobs"}
    async with serve(cloud) as url, exporter_of(url, cloud) as exporter:
        assert (await exporter.scrape()).value("offered", **V1) == 0
        cloud.not_offered.clear()
        assert (await exporter.scrape()).value("offered", **V1) == 0
        await exporter.client.post(f"{exporter.url}/-/reload")
        scrape = await exporter.scrape()

    assert scrape.value("offered", **V1) == scrape.value("up", **V1) == 1


@pytest.mark.parametrize(
    ("missing", "project", "down", "absent"),
    [
        ({"training_jobs"}, {"training_api": TrainingApi.V1}, [V1], []),
        ({"training_jobs"}, {"collectors": ("training_jobs",)}, [], [V1]),
        (
            {"training_jobs", "training_job_searches"},
            {"collectors": ("training_jobs",)},
            [V1, V2],
            [],
        ),
        ({"training_jobs", "training_job_searches"}, {}, [], [V1, V2]),
        (
            {"visualization_jobs"},
            {"collectors": ("visualization_jobs",)},
            [VISUALIZATION],
            [],
        ),
        ({"visualization_jobs"}, {"training_api": TrainingApi.V1}, [], [VISUALIZATION]),
    ],
    ids=["version", "one-of-two", "collector", "neither", "only-version", "other"],
)
@pytest.mark.slow
async def test_what_the_configuration_asks_for_has_to_be_offered(
    missing, project, down, absent
):
    """A named version or collector has to be offered; of two versions, one."""
    cloud = simulated("a")
    cloud.not_offered = missing
    async with serve(cloud) as url, exporter_of(url, cloud, **project) as exporter:
        for number in (1, 2):
            scrape = await exporter.scrape()
            for labels in down:
                assert scrape.value("up", **labels) == 0
                assert scrape.value("offered", **labels) == 1
                errors = scrape.value("collection_errors_total", reason="api", **labels)
                # It is asked for, and fails, each time.
                assert errors == number
            for labels in absent:
                assert scrape.value("up", **labels) is None
                assert scrape.value("offered", **labels) == 0


@pytest.mark.slow
async def test_a_failure_that_scrapes_share_counts_once():
    """A failure that several waiting scrapes report counts once."""
    cloud = simulated("a")
    cloud.not_offered = {"training_jobs", "training_job_searches"}
    cloud.latency = 0.2
    async with (
        serve(cloud) as url,
        exporter_of(url, cloud, collectors=("training_jobs",)) as exporter,
    ):
        await asyncio.gather(*(exporter.scrape() for _ in range(4)))
        cloud.not_offered.clear()
        scrape = await exporter.scrape()

    runs = 2 * 4 - scrape.value("exporter_coalesced_collections_total")
    failures = scrape.series("collection_errors_total", reason="api", project="a")
    assert sum(failures.values()) == runs < 2 * 4


@pytest.mark.parametrize(
    ("code", "is_offered"),
    [
        ("APIG.0101", False),
        ("APIGW.0101", False),
        ("ModelArts.2836", False),
        ("ModelArts.2786", True),
        ("APIG.0106", True),
        (None, True),
    ],
)
@pytest.mark.slow
async def test_which_answers_mean_that_it_is_not_offered(code, is_offered):
    """Codes about the path mean so; a 404 without a code may come from anywhere."""
    cloud = simulated("a", training_api="v2")
    cloud.faults.add(
        Fault(effect=Effect.STATUS, status=404, code=code, api="training_jobs")
    )
    async with serve(cloud) as url, exporter_of(url, cloud) as exporter:
        scrape = await exporter.scrape()

    assert scrape.value("offered", **V1) == is_offered
    assert scrape.value("up", **V1) == (0 if is_offered else None)


@pytest.mark.slow
async def test_what_is_not_known_yet_is_down():
    """Before the first answer, an API counts as offered."""
    cloud = simulated("a", training_api="v2")
    cloud.faults.add(Fault(effect=Effect.HANG, api="training_jobs"))
    async with serve(cloud) as url, exporter_of(url, cloud) as exporter:
        scrape = await exporter.scrape(1)

    assert scrape.value("up", **V1) == 0
    assert scrape.value("offered", **V1) == 1


async def test_a_login_that_is_not_offered_is_a_failure():
    """A wrong `iam_url` says nothing about ModelArts."""
    cloud = simulated("a")
    cloud.faults.add(
        Fault(effect=Effect.STATUS, status=404, code="APIG.0101", api="auth_tokens")
    )
    async with serve(cloud) as url, exporter_of(url, cloud) as exporter:
        scrape = await exporter.scrape()

    assert set(scrape.series("up").values()) == {0}
    assert set(scrape.series("offered").values()) == {1}


async def test_a_probe_of_a_kind_has_both_versions():
    """Users probe a kind; both API versions of it are collected."""
    cloud = simulated("a")
    async with serve(cloud) as url, exporter_of(url, cloud) as exporter:
        answer = await exporter.client.get(
            f"{exporter.url}/probe?project=a&kind=training"
        )

    scrape = Scrape(answer)
    assert scrape.series("up").keys() == {
        frozenset(labels.items()) for labels in (V1, V2)
    }
    assert scrape.series("project_info", project="a")
