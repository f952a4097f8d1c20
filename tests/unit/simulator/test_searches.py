"""Searches of v2 report jobs' resources, users and restarts as the reference says."""

import asyncio

import pytest

from harness import simulated
from huaweicloudsdkmodelarts.v1 import JobSearches, ListTrainingJobsRequest
from simulator_client import connected, modelarts_sdk

from exporter.simulator import (
    GPU_FLAVOR,
    NPU_FLAVOR,
    AcceleratorsAs,
    Dialect,
    Placement,
)


PROJECT = f"{1:032x}"
SCOPE = {"project": {"id": PROJECT}}


def with_job():
    """Return a cloud with a v2 project, and its only job, which has run for a minute."""
    cloud = simulated("a", training_api="v2")
    training = cloud.projects[0].training
    training.jobs.clear()
    return cloud, training.create_job(created=cloud.clock.now() - 60)


async def search(client, **body):
    """Search for jobs."""
    return await client.post(f"/v2/{PROJECT}/training-job-searches", json=body)


async def only_job(cloud):
    """Return the only job of the list."""
    async with connected(cloud, SCOPE) as client:
        (item,) = (await search(client)).json()["items"]
        return item


@pytest.mark.parametrize(
    ("flavor", "part", "units"), [(GPU_FLAVOR, "gpu", 8), (NPU_FLAVOR, "npu", "8")]
)
@pytest.mark.slow
async def test_flavors_of_public_pools(flavor, part, units):
    """The number of a GPU is a number, that of an NPU is a text."""
    cloud, job = with_job()
    job.flavor = flavor

    info = (await only_job(cloud))["spec"]["resource"]["flavor_detail"]["flavor_info"]

    assert info[part]["unit_num"] == units


@pytest.mark.parametrize("reported_as", AcceleratorsAs)
async def test_jobs_in_pools(reported_as):
    """The flavor has no details, and the accelerators are in one place or nowhere."""
    cloud, job = with_job()
    job.placement = Placement("pool-a", "shared", 4, "nvidia-v100", reported_as)

    resource = (await only_job(cloud))["spec"]["resource"]

    assert (resource["pool_id"], resource["pool_name"]) == ("pool-a", "shared")
    assert "flavor_detail" not in resource
    reported = resource.get(reported_as)
    if reported_as is AcceleratorsAs.FLAVOR_ID:
        assert reported == "modelarts.pool.visual.4xlarge"
    elif reported_as is AcceleratorsAs.NOTHING:
        assert reported is None
    else:
        assert reported["accelerator_num"] == 4
    others = {*AcceleratorsAs} - {reported_as}
    assert not others & resource.keys()


@pytest.mark.slow
async def test_other_fields_of_a_job():
    """A job has its user, priority, restarts in seconds, and roles of its tasks."""
    cloud, job = with_job()
    plain = await only_job(cloud)
    job.user, job.priority, job.restarts, job.roles = "anna", 2, 2, ("ps", "worker")
    item = await only_job(cloud)

    records = item["status"]["running_records"]
    assert "running_records" not in plain["status"]
    assert item["metadata"]["user_name"] == "anna"
    assert item["spec"]["schedule_policy"]["priority"] == 2
    assert len(records) == 3
    assert records[0]["start_at"] == round(job.started)
    assert records[0]["end_at"] == records[1]["start_at"]
    assert [task["role"] for task in item["tasks"]] == ["ps", "worker"]


async def test_fine_tuning_jobs():
    """Fine-tuning jobs are listed only with others, and can be filtered by type."""
    cloud, _ = with_job()
    tuning = cloud.projects[0].training.create_job(created=cloud.clock.now())
    tuning.fine_tuning = True
    asked = [
        {},
        {"train_type": "ftjob"},
        {"unified_jobs": True},
        {"unified_jobs": True, "train_type": "ftjob"},
        {"unified_jobs": True, "train_type": "job"},
    ]
    async with connected(cloud, SCOPE) as client:
        totals = [(await search(client, **body)).json()["total"] for body in asked]
        cloud.dialect = Dialect(refuses_unified_jobs=True)
        rejected = await search(client, unified_jobs=True)

    assert totals == [1, 1, 2, 1, 1]
    assert rejected.status_code == 400


async def test_offsets_that_count_jobs():
    """On other clouds, an offset counts pages."""
    cloud, _ = with_job()
    training = cloud.projects[0].training
    for age in range(1, 10):
        training.create_job(created=cloud.clock.now() + age)
    names = [job.name for job in training.jobs]

    async def page(offset, **body):
        answer = (await search(client, offset=offset, limit=3, **body)).json()
        return [item["metadata"]["name"] for item in answer["items"]]

    async with connected(cloud, SCOPE) as client:
        assert await page(1, order="asc") == names[3:6]
        cloud.dialect = Dialect(offset_counts_items=True)
        assert await page(1, order="asc") == names[1:4]
        assert await page(9, order="desc") == names[:1]


async def test_the_official_sdk_reads_a_job_in_a_pool():
    """The official SDK reads such a job."""
    cloud, job = with_job()
    job.placement = Placement("pool-a", "shared", 0.5, "nvidia-v100")
    job.user, job.restarts = "anna", 1
    async with connected(cloud) as client:
        sdk = modelarts_sdk(client.base_url, PROJECT)
        request = ListTrainingJobsRequest(body=JobSearches(limit=5, train_type="job"))
        answer = await asyncio.to_thread(sdk.list_training_jobs, request)

    (item,) = answer.items
    allocated = item.spec.resource.main_container_allocated_resources
    assert item.spec.resource.pool_id == "pool-a"
    assert allocated.accelerator_num == 0.5
    assert len(item.status.running_records) == 2
    assert item.metadata.user_name == "anna"
