"""The v2 training API: the same metrics, from searches and a separate quota."""

import asyncio
import json

from dataclasses import replace

import pytest

from harness import SECRET_KEY, exporting_from, key_auth, simulated, with_cloud
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkmodelarts.v1 import (
    JobSearches,
    ListTrainingJobsRequest,
    ModelArtsClient,
    ShowTrainingQuotasRequest,
)
from hypothesis import given
from hypothesis import strategies as st

from exporter.collectors.jobs.job import Resources
from exporter.collectors.jobs.rows import job_of
from exporter.collectors.jobs.statuses import V2_STATUSES
from exporter.collectors.jobs.v2_schema import v2_quotas, v2_search, v2_status
from exporter.collectors.statuses import UNRECOGNIZED
from exporter.config import Provider
from exporter.simulator import (
    CPU_FLAVOR,
    GPU_FLAVOR,
    NPU_FLAVOR,
    Dialect,
    Effect,
    Fault,
    phase_of,
    serve,
)
from exporter.simulator.state import AcceleratorsAs, Placement


TRAINING = {"project": "a", "kind": "training"}


def phases(cloud):
    """Return the number of the first project's training jobs in each phase."""
    found = {}
    for job in cloud.projects[0].training.jobs:
        found[phase_of(job).lower()] = found.get(phase_of(job).lower(), 0) + 1
    return found


@pytest.mark.slow
async def test_a_scrape_says_what_is_true():
    """Counts, quota, durations and times are the cloud's; visualization jobs use v1."""
    cloud = simulated("a", training_api="v2")
    training = cloud.projects[0].training
    now = cloud.clock.now()
    training.create_job(3, created=now - 30)
    training.create_job(9, created=now - 20)
    training.history(160, now - 3600)
    async with exporting_from(cloud) as exporter:
        for _ in range(2):
            scrape = await exporter.scrape()

            assert scrape.up() == {("a", "training"): 1, ("a", "visualization"): 1}
            assert scrape.statuses("a", "training") == phases(cloud)
            assert scrape.value("created_jobs", **TRAINING) == len(training.jobs)
            assert (
                scrape.value("job_count_limit_remaining", **TRAINING)
                == training.remaining
            )
            assert scrape.value("running_job_quota", **TRAINING) is None
            assert scrape.value("listing_complete", **TRAINING) == 1
    assert scrape.value(
        "job_longest_duration_seconds", phase="running", **TRAINING
    ) == pytest.approx(50, abs=0.01)
    # A failure before the start is not a run of zero seconds.
    failed = sum(
        job.started is not None
        for job in training.jobs
        if phase_of(job) in {"Failed", "Abnormal"}
    )
    assert (
        scrape.value("job_duration_seconds_gcount", phase="failed", **TRAINING)
        == failed
    )
    assert scrape.value(
        "job_oldest_created_timestamp_seconds", phase="pending", **TRAINING
    ) == pytest.approx(now - 40, abs=0.01)


@pytest.mark.slow
async def test_statuses_that_have_a_sample():
    """Each phase has one, and so has each status that a job has had."""
    cloud = simulated("a", training_api="v2")
    training = cloud.projects[0].training
    training.jobs.clear()
    always = {
        name: status.phase
        for name, status in V2_STATUSES.items()
        if name not in {"creating", "abnormal"}
    } | {"unrecognized": "unknown"}
    async with exporting_from(cloud) as exporter:

        async def shown():
            series = (await exporter.scrape()).series("jobs", **TRAINING)
            found = {dict(labels)["status"]: dict(labels) for labels in series}
            values = {dict(labels)["status"]: value for labels, value in series.items()}
            return {name: labels["phase"] for name, labels in found.items()}, values

        assert await shown() == (always, dict.fromkeys(always, 0))
        jobs = [
            training.create_job(status, created=cloud.clock.now()) for status in (3, 0)
        ]
        found, values = await shown()
        assert found == {**always, "abnormal": "failed"}
        assert values["abnormal"] == values["unrecognized"] == 1
        for job in jobs:
            training.delete_job(job)
        found, values = await shown()
        assert found == {**always, "abnormal": "failed"}
        assert set(values.values()) == {0}


@pytest.mark.slow
async def test_histograms_begin_with_the_first_job():
    """A phase without jobs has no histogram, so an empty project has none."""
    cloud = simulated("a", training_api="v2")
    training = cloud.projects[0].training
    training.jobs.clear()
    names = ("job_duration_seconds_bucket", "finished_job_duration_seconds_bucket")
    async with exporting_from(cloud) as exporter:
        scrape = await exporter.scrape()
        assert not [name for name in names if scrape.series(name, **TRAINING)]
        assert len(scrape.series("jobs_finished_total", **TRAINING)) == 3

        training.create_job(8, created=cloud.clock.now() - 100)
        scrape = await exporter.scrape()
        found = [
            {dict(labels)["phase"] for labels in scrape.series(name, **TRAINING)}
            for name in names
        ]
        assert found == [{"running"}, {"succeeded", "failed", "stopped"}]


@pytest.mark.slow
async def test_pages_of_fifty_are_read_together_from_the_second_scrape_on():
    """Pages have 50 jobs, whatever page size is configured."""
    cloud = simulated("a", training_api="v2")
    cloud.projects[0].training.history(160, cloud.clock.now() - 3600)
    jobs = len(cloud.projects[0].training.jobs)
    async with exporting_from(cloud) as exporter:
        await exporter.scrape()
        cloud.record.clear()
        await exporter.scrape()

    asked = [json.loads(one.query) for one in cloud.asked("training_job_searches")]
    assert sorted(body["offset"] for body in asked) == list(range(jobs // 50 + 1))
    assert {(body["limit"], body["sort_by"], body["order"]) for body in asked} == {
        (50, "create_time", "asc")
    }


async def test_signed_requests_with_a_body():
    """Searches are signed together with their body and content type."""
    cloud = simulated("a", training_api="v2")
    async with exporting_from(cloud, key_auth()) as exporter:
        scrape = await exporter.scrape()

    assert scrape.up()["a", "training"] == 1
    assert scrape.statuses("a", "training") == phases(cloud)


@pytest.mark.slow
async def test_a_cloud_without_the_quota_api(logged):
    """Without a quota API, the total is known, the limit is not; no warning."""
    cloud = simulated("a", training_api="v2")
    cloud.dialect = Dialect(without_quota_api=True)
    async with exporting_from(cloud) as exporter:
        for _ in range(3):
            scrape = await exporter.scrape()

    assert scrape.up()["a", "training"] == 1
    assert scrape.value("created_jobs", **TRAINING) == 13
    assert scrape.value("job_count_limit_remaining", **TRAINING) is None
    assert scrape.errors("a", "training") == {}
    assert not [line for line in logged() if "level=warn" in line]
    assert len(cloud.asked("training_quotas")) == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(effect=Effect.STATUS, status=403, code="ModelArts.0112"), "permission"),
        (Fault(effect=Effect.STATUS, status=404, code="ModelArts.2786"), "permission"),
        (Fault(effect=Effect.HTML, status=200), "response"),
        (Fault(effect=Effect.STATUS, status=500), "api"),
        pytest.param(Fault(effect=Effect.HANG), "timeout", marks=pytest.mark.slow),
    ],
    ids=lambda value: (
        value if isinstance(value, str) else f"{value.effect}-{value.status}"
    ),
)
async def test_a_quota_that_fails_costs_only_itself(fault, reason, logged):
    """The numbers of jobs stay; the limit is absent, and the reason is counted."""
    cloud = simulated("a", training_api="v2")
    fault.api = "training_quotas"
    cloud.faults.add(fault)
    async with exporting_from(cloud) as exporter:
        for number in (1, 2):
            scrape = await exporter.scrape(1.5 if fault.effect is Effect.HANG else 20)

            assert scrape.up() == {("a", "training"): 1, ("a", "visualization"): 1}
            assert scrape.statuses("a", "training") == phases(cloud)
            created = len(cloud.projects[0].training.jobs)
            assert scrape.value("created_jobs", **TRAINING) == created
            assert scrape.value("job_count_limit_remaining", **TRAINING) is None
            assert scrape.errors("a", "training") == {reason: number}
        warnings = [line for line in logged() if "level=warn" in line]
        assert len(warnings) == 1
        assert "jobs collected, but not everything else" in warnings[0]
        assert f"reason={reason}" in warnings[0]

        cloud.faults.clear()
        scrape = await exporter.scrape()
        assert scrape.value("job_count_limit_remaining", **TRAINING) == 87


async def test_an_unlimited_quota():
    """A negative quota is no limit; the number of jobs is still exported."""
    cloud = simulated("a", training_api="v2")
    cloud.projects[0].training.capacity = None
    async with exporting_from(cloud) as exporter:
        scrape = await exporter.scrape()

    assert scrape.value("created_jobs", **TRAINING) == 13
    assert scrape.value("job_count_limit_remaining", **TRAINING) is None
    assert scrape.errors("a", "training") == {}


@pytest.mark.parametrize(
    "effect", [Effect.HTML, Effect.TRUNCATED, Effect.RESET, Effect.STATUS]
)
@pytest.mark.slow
async def test_one_bad_page_makes_the_listing_unknown(effect):
    """If a page fails, there are no training jobs: half a count is never published."""
    cloud = simulated("a", training_api="v2")
    cloud.projects[0].training.history(160, cloud.clock.now() - 3600)
    cloud.faults.add(
        Fault(effect=effect, api="training_job_searches", from_page=3, status=400)
    )
    async with exporting_from(cloud) as exporter:
        scrape = await exporter.scrape(3)

    assert scrape.up() == {("a", "training"): 0, ("a", "visualization"): 1}
    assert scrape.series("jobs", **TRAINING) == {}


async def test_resources_of_running_jobs():
    """Nodes and accelerators are summed by flavor, over running jobs only."""
    cloud = simulated("a", training_api="v2")
    training = cloud.projects[0].training
    training.jobs.clear()
    now = cloud.clock.now()
    for status, flavor, nodes in (
        (8, GPU_FLAVOR, 2),
        (15, GPU_FLAVOR, 1),
        (8, NPU_FLAVOR, 4),
        (8, CPU_FLAVOR, 3),
        (8, None, 5),
        (7, GPU_FLAVOR, 16),
        (10, GPU_FLAVOR, 32),
    ):
        job = training.create_job(status, created=now - 100)
        job.flavor, job.nodes = flavor, nodes
    async with exporting_from(cloud) as exporter:
        scrape = await exporter.scrape()
    shown = {
        name: {
            (dict(labels)["flavor"], dict(labels)["accelerator"]): value
            for labels, value in scrape.series(name, project="a").items()
        }
        for name in ("active_nodes", "active_accelerators")
    }

    gpu = (GPU_FLAVOR.flavor_id, "NVIDIA-V100")
    npu = (NPU_FLAVOR.flavor_id, "Ascend-910")
    cpu = (CPU_FLAVOR.flavor_id, "")
    assert shown["active_nodes"] == {gpu: 3, npu: 4, cpu: 3, ("", ""): 5}
    assert shown["active_accelerators"] == {gpu: 24, npu: 32, cpu: 0}


def in_pool(job, reported_as, accelerators=2.0, nodes=1, user=""):
    """Place a job in a pool, which reports its accelerators in one of several ways."""
    job.flavor, job.nodes, job.user = None, nodes, user
    job.placement = Placement(
        "pool-1", "first", accelerators, "Ascend-910", reported_as
    )


async def test_accelerators_in_dedicated_pools():
    """Accelerators count wherever the API reports them, apart from public pools."""
    cloud = simulated("a", training_api="v2")
    training = cloud.projects[0].training
    training.jobs.clear()
    now = cloud.clock.now()
    public = training.create_job(8, created=now - 100)
    public.flavor = NPU_FLAVOR
    for reported_as in AcceleratorsAs:
        in_pool(training.create_job(8, created=now - 90), reported_as, nodes=2)
    mixed = training.create_job(8, created=now - 80)
    in_pool(mixed, AcceleratorsAs.ALLOCATED, nodes=3)
    mixed.roles = ("master", "worker")
    async with exporting_from(cloud) as exporter:
        scrape = await exporter.scrape()

    def total(name, pool):
        return sum(scrape.series(name, project="a", pool=pool).values())

    assert total("active_accelerators", "") == 8
    assert total("active_nodes", "") == 1
    # All but one report the accelerators of a node; with different nodes, they are
    # unknown.
    assert total("active_accelerators", "pool-1") == 2 * 2 * (len(AcceleratorsAs) - 1)
    assert total("active_nodes", "pool-1") == 2 * len(AcceleratorsAs) + 3
    assert not scrape.series("user_accelerators")


async def test_accelerators_by_user():
    """The users of accelerators are exported if `user_series` is set."""
    cloud = simulated("a", training_api="v2")
    training = cloud.projects[0].training
    training.jobs.clear()
    now = cloud.clock.now()
    for number, (user, accelerators) in enumerate(
        (("anna", 2.0), ("anna", 0.5), ("bo", 1.0), ("chen", 0.0), ("", 4.0))
    ):
        job = training.create_job(8, created=now - 100 + number)
        in_pool(job, AcceleratorsAs.ALLOCATED, accelerators, nodes=2, user=user)
    async with exporting_from(cloud, user_series=True) as exporter:
        scrape = await exporter.scrape()

    assert {
        dict(labels)["user"]: value
        for labels, value in scrape.series(
            "user_accelerators", project="a", accelerator="Ascend-910"
        ).items()
    } == {"anna": 5, "bo": 2}


def on(provider):
    """Return a change of the configuration: the cloud's provider."""
    return with_cloud(provider=provider)


@pytest.mark.parametrize(
    ("provider", "rejects", "listed", "searches"),
    [
        (Provider.HUAWEICLOUD, False, 14, 2),
        (Provider.HUAWEICLOUD, True, 13, 3),
        (Provider.OTC, False, 13, 2),
        (None, False, 13, 2),
    ],
)
@pytest.mark.slow
async def test_fine_tuning_jobs(provider, rejects, listed, searches, logged):
    """Fine-tuning jobs are requested on Huawei Cloud, until it rejects that."""
    cloud = simulated("a", training_api="v2")
    training = cloud.projects[0].training
    training.create_job(8, created=cloud.clock.now() - 30).fine_tuning = True
    cloud.dialect = Dialect(refuses_unified_jobs=rejects)
    async with exporting_from(cloud, change=on(provider)) as exporter:
        for _ in range(2):
            scrape = await exporter.scrape()
            assert sum(scrape.statuses("a", "training").values()) == listed

    assert len(cloud.asked("training_job_searches")) == searches
    lines = [line for line in logged() if "fine-tuning" in line]
    assert len(lines) == rejects


@pytest.mark.parametrize("more", [60, 130, 400])
@pytest.mark.slow
async def test_offsets_that_count_jobs(more, logged):
    """The second page shows the unit of offsets, which is used from then on."""
    cloud = simulated("a", training_api="v2")
    training = cloud.projects[0].training
    training.history(more, cloud.clock.now() - 3600)
    cloud.dialect = Dialect(offset_counts_items=True)
    async with exporting_from(cloud) as exporter:
        for _ in range(2):
            scrape = await exporter.scrape()
            assert scrape.value("up", **TRAINING) == 1
            assert scrape.statuses("a", "training") == phases(cloud)
            before = len(cloud.asked("training_job_searches"))
        await exporter.scrape()

    pages = -(-len(training.jobs) // 50)
    assert len(cloud.asked("training_job_searches")) == before + pages
    assert sum("offsets count jobs" in line for line in logged()) == 1


async def test_another_workspace_is_asked_for():
    """The project's workspace is searched, and jobs of others are not counted."""
    cloud = simulated("a", training_api="v2")
    now = cloud.clock.now()
    cloud.projects[0].training.create_job(8, created=now - 9, workspace_id="w1")

    def in_workspace(configured):
        return _replaced(configured, workspace_id="w1")

    async with exporting_from(cloud, change=in_workspace) as exporter:
        scrape = await exporter.scrape()

    assert scrape.statuses("a", "training") == {"running": 1}


def _replaced(configured, **changes):
    projects = tuple(replace(project, **changes) for project in configured.projects)
    return replace(configured, projects=projects)


async def test_a_cloud_without_workspaces_is_not_trusted():
    """An answer about the default workspace is not taken for another one's."""
    cloud = simulated("a", training_api="v2")
    cloud.dialect = Dialect(without_workspaces=True)
    async with exporting_from(
        cloud, change=lambda configured: _replaced(configured, workspace_id="w1")
    ) as exporter:
        scrape = await exporter.scrape()

    assert scrape.up()["a", "training"] == 0
    assert scrape.errors("a", "training") == {"response": 1}


@pytest.mark.slow
async def test_the_official_sdk_lists_the_same_jobs():
    """The official SDK lists the same jobs as the exporter."""
    cloud = simulated("a", training_api="v2")
    cloud.projects[0].training.history(120, cloud.clock.now() - 3600)
    project_id = cloud.projects[0].project_id

    def listed(url):
        client = (
            ModelArtsClient.new_builder()
            .with_credentials(BasicCredentials("AKCANARY", SECRET_KEY, project_id))
            .with_endpoints([url])
            .build()
        )
        found = []
        while True:
            body = JobSearches(
                offset=len(found) // 50, limit=50, sort_by="create_time", order="asc"
            )
            answer = client.list_training_jobs(ListTrainingJobsRequest(body=body))
            found += answer.items
            if len(answer.items) < 50:
                return answer, found, client

    async with serve(cloud) as url:
        answer, found, client = await asyncio.to_thread(listed, url)
        quotas = await asyncio.to_thread(
            client.show_training_quotas, ShowTrainingQuotasRequest()
        )
    counted = {}
    for item in found:
        phase = item.status.phase.lower()
        counted[phase] = counted.get(phase, 0) + 1

    assert answer.total == len(cloud.projects[0].training.jobs) == len(found)
    assert len({item.metadata.id for item in found}) == len(found)
    assert counted == phases(cloud)
    assert ("job-num", len(found)) in [
        (one.resource, one.used) for one in quotas.quotas
    ]


def test_the_documented_answer():
    """The reference's sample is read: a failure before the start, without details."""
    answer = v2_search.decode(
        json.dumps(
            {
                "total": 5059,
                "count": 1,
                "limit": 1,
                "offset": 0,
                "sort_by": "create_time",
                "order": "desc",
                "group_by": "",
                "workspace_id": "0",
                "ai_project": "default-ai-project",
                "items": [
                    {
                        "kind": "job",
                        "metadata": {
                            "id": "3faf5c03-aaa1-4cbe-879d-24b05d997347",
                            "name": "trainjob--py14_mem06-byd-108",
                            "description": "",
                            "create_time": 1636447346315,
                            "workspace_id": "0",
                            "user_name": "ei_modelarts_q00357245_01",
                        },
                        "status": {
                            "phase": "Abnormal",
                            "secondary_phase": "CreateFailed",
                            "duration": 0,
                            "start_time": 0,
                            "node_count_metrics": [[1636447746000, 0]],
                            "tasks": ["worker-0"],
                        },
                        "spec": {
                            "resource": {
                                "policy": "economic",
                                "flavor_id": "modelarts.vm.pnt1.large.eco",
                                "flavor_name": "Computing GPU(Pnt1) instance",
                                "node_count": 1,
                            }
                        },
                    }
                ],
            }
        )
    )
    job = job_of(answer.items[0], v2_status)

    assert job.status == V2_STATUSES["abnormal"]
    assert job.duration is None
    assert job.created == 1636447346315
    assert job.resources == Resources(
        1, "modelarts.vm.pnt1.large.eco", user="ei_modelarts_q00357245_01"
    )


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (None, None),
        ({"flavor_id": "f"}, None),
        ({"flavor_id": "f", "node_count": 0}, None),
        ({"node_count": "2", "pool_id": "p"}, Resources(2, "", pool="p")),
        (
            {
                "node_count": 1,
                "flavor_id": "modelarts.pool.visual.4xlarge",
                "pool_id": "p",
            },
            Resources(1, "modelarts.pool.visual.4xlarge", units=4, pool="p"),
        ),
        (
            {
                "node_count": 1,
                "flavor_id": "modelarts.pool.visual.4xlarge",
                "pool_info": {"accelerator_num": "2", "pool_resource_flavor": "g"},
            },
            Resources(1, "modelarts.pool.visual.4xlarge", units=2),
        ),
        (
            {
                "node_count": 1,
                "main_container_customized_flavor": {"accelerator_num": 0.5},
                "pool_info": {"accelerator_num": 8, "pool_resource_flavor": "g"},
            },
            Resources(1, "g", units=0.5),
        ),
        (
            {
                "node_count": 3,
                "main_container_allocated_resources": {
                    "accelerator_num": 4.0,
                    "accelerator_type": "Ascend-910",
                },
                "main_container_customized_flavor": {"accelerator_num": 0.5},
            },
            Resources(3, "", "Ascend-910", 4),
        ),
        (
            {
                "node_count": 1,
                "flavor_detail": {"flavor_info": {"gpu": {"product_name": "x"}}},
                "main_container_allocated_resources": {"accelerator_num": 0},
            },
            Resources(1, "", "x", 0),
        ),
        (
            {
                "node_count": 1,
                "flavor_detail": {"flavor_info": {"npu": {"unit_num": "8"}}},
                "main_container_allocated_resources": {"accelerator_num": 2},
            },
            Resources(1, "", "", 8),
        ),
        ({"flavor_id": "f", "node_count": 1, "flavor_detail": None}, Resources(1, "f")),
        (
            {"node_count": 1, "flavor_detail": {"flavor_info": {"gpu": None}}},
            Resources(1, "", units=0),
        ),
        (
            {
                "node_count": 1,
                "flavor_detail": {
                    "flavor_type": "GPU",
                    "flavor_info": {"gpu": {"unit_num": "4"}},
                },
            },
            Resources(1, "", "GPU", 4),
        ),
        (
            {
                "node_count": 1,
                "flavor_detail": {"flavor_info": {"npu": {"product_name": "x"}}},
            },
            Resources(1, "", "x", None),
        ),
    ],
    ids=str,
)
def test_resources_of_a_job(resource, expected):
    """Resources that the API does not report are unknown, not zero."""
    item = {"metadata": {"id": "x"}, "spec": {"resource": resource}}
    answer = v2_search.decode(json.dumps({"items": [item]}))

    assert answer.items[0].resources == expected


@pytest.mark.parametrize(
    ("quotas", "created", "remaining"),
    [
        ([{"resource": "job-num", "quota": 5000, "used": 120}], 120, 4880),
        ([{"resource": "job-num", "quota": "50", "used": "60"}], 60, 0),
        ([{"resource": "job-num", "quota": -1, "used": 7}], 7, None),
        ([{"resource": "job-num", "quota": 10}], None, None),
    ],
)
def test_remaining_quota(quotas, created, remaining):
    """The remaining quota is the quota less its use, if both are reported."""
    quota = v2_quotas.decode(json.dumps({"quotas": quotas})).jobs

    assert (quota.created, quota.remaining) == (created, remaining)
    assert quota.running is None


@given(st.none() | st.text() | st.integers())
@pytest.mark.slow
def test_any_phase_is_a_status(phase):
    """A phase is known by its name in any case; all others are unrecognized."""
    assert v2_status(phase) in {*V2_STATUSES.values(), UNRECOGNIZED}
    for name, status in V2_STATUSES.items():
        assert v2_status(name.upper()) is status
