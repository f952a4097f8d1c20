"""Inference services of both API versions, as far as the cloud offers them."""

import asyncio

import pytest

from harness import configuration as configured_for
from harness import exporting, exporting_from, simulated, with_projects
from huaweicloudsdkmodelarts.v1 import ListInferServicesRequest
from simulator_client import modelarts_sdk

from exporter.config import ServiceSeries
from exporter.simulator import Effect, Fault, Service, serve


SERVICES = with_projects(collectors=("services",))
V1 = {"project": "a", "api_version": "v1"}
V2 = {"project": "a", "api_version": "v2"}


def with_services(*v1, v2=()):
    """Return a cloud with a project that has these services, and its services."""
    cloud = simulated("a")
    state = cloud.projects[0].services
    state.v1 += v1
    state.v2 += v2
    return cloud, state


def counts(scrape, name="services", **labels):
    """Return the numbers of services by type and status, without the zeros."""
    return {
        (dict(found).get("type"), dict(found).get("status")): value
        for found, value in scrape.series(name, **labels).items()
        if value
    }


def up_by_version(scrape):
    """Return `modelarts_up` by API version."""
    return {
        dict(labels)["api_version"]: value
        for labels, value in scrape.series("up").items()
    }


@pytest.mark.slow
async def test_both_versions():
    """The versions list different services; the labels are the same for both."""
    cloud, _ = with_services(
        Service(),
        Service(status="concerning", due=2e9),
        Service(status="waiting", type="batch", changed=1.6e9),
        Service(status="deploying", changed=1.61e9),
        Service(status="deploying", changed=1.62e9),
        Service(status="finished", type="batch"),
        Service(status="sleeping"),
        v2=[
            Service(status="RUNNING", type="REAL_TIME"),
            Service(status="RUNNING", type="ASYNC_REAL_TIME", due=2e9),
            Service(status="UPGRADING", type="REAL_TIME", changed=1.63e9),
        ],
    )
    async with exporting_from(cloud, change=SERVICES) as exporter:
        scrape = await exporter.scrape()
        page = (await exporter.client.get(f"{exporter.url}/?project=a")).text

    assert up_by_version(scrape) == {"v1": 1, "v2": 1}
    assert counts(scrape, **V1) == {
        ("real_time", "running"): 1,
        ("real_time", "concerning"): 1,
        ("batch", "waiting"): 1,
        ("real_time", "deploying"): 2,
        ("batch", "finished"): 1,
        ("real_time", "unrecognized"): 1,
    }
    assert counts(scrape, **V2) == {
        ("real_time", "running"): 1,
        ("async_real_time", "running"): 1,
        ("real_time", "upgrading"): 1,
    }
    assert scrape.series("services", status="concerning", phase="running", **V1)
    without_end = "services_without_end"
    assert scrape.value(without_end, type="real_time", **V1) == 1
    assert scrape.value(without_end, type="batch", **V1) == 0
    assert scrape.value(without_end, type="real_time", **V2) == 1
    assert scrape.value(without_end, type="async_real_time", **V2) == 0
    oldest = "service_oldest_transition_timestamp_seconds"
    assert counts(scrape, oldest, **V1) == {
        ("real_time", "concerning"): 1.7e9,
        ("batch", "waiting"): 1.6e9,
        ("real_time", "deploying"): 1.61e9,
    }
    assert counts(scrape, oldest, **V2) == {("real_time", "upgrading"): 1.63e9}
    assert "Services (v1)" in page
    assert not scrape.series("service_info")


@pytest.mark.slow
async def test_a_status_without_services():
    """A status without services stays at 0, so that its alerts resolve."""
    cloud, state = with_services(Service(status="concerning"))
    async with exporting_from(cloud, change=SERVICES) as exporter:
        await exporter.scrape()
        state.v1.clear()
        scrape = await exporter.scrape()

    concerning = {"type": "real_time", "status": "concerning", "phase": "running"}
    assert scrape.value("services", **concerning, **V1) == 0
    assert scrape.value("services_without_end", type="real_time", **V1) == 0


async def test_a_cloud_without_v2():
    """A missing v2 is no failure; without both versions, it is one."""
    cloud, _ = with_services(Service())
    cloud.not_offered.add("services_v2")
    async with exporting_from(cloud, change=SERVICES) as exporter:
        one = await exporter.scrape()
        cloud.not_offered.add("services")
        none = await exporter.scrape()

    assert up_by_version(one) == {"v1": 1}
    assert counts(one, **V1) == {("real_time", "running"): 1}
    assert not one.series("services", **V2)
    assert up_by_version(none) == {"v1": 0, "v2": 0}


async def test_variants_of_answers():
    """Numbers as texts, a workspace as a number, times in seconds or missing."""
    cloud, state = with_services(
        Service(workspace_id="7", changed=None, status="waiting"), Service()
    )
    state.numbers_as_strings = state.workspace_as_number = True
    state.times_in_seconds = True

    def change(configured):
        return with_projects(workspace_id="7")(SERVICES(configured))

    async with exporting_from(cloud, change=change) as exporter:
        scrape = await exporter.scrape()

    assert up_by_version(scrape) == {"v1": 1, "v2": 1}
    assert counts(scrape, **V1) == {("real_time", "waiting"): 1}
    assert not scrape.series("service_oldest_transition_timestamp_seconds")


@pytest.mark.parametrize("counts_pages", [False, True])
@pytest.mark.slow
async def test_more_than_a_page(counts_pages):
    """In v1, the unit of offsets is found out once, and used from then on."""
    services = [Service(created=1.6e9 + n) for n in range(1005)]
    cloud, state = with_services(
        *services, v2=[Service(status="RUNNING", type="REAL_TIME") for _ in range(505)]
    )
    state.offset_counts_pages = counts_pages
    async with exporting_from(cloud, change=SERVICES) as exporter:
        first = await exporter.scrape(20)
        cloud.record.clear()
        second = await exporter.scrape(20)

    for scrape in (first, second):
        assert counts(scrape, **V1) == {("real_time", "running"): 1005}
        assert counts(scrape, **V2) == {("real_time", "running"): 505}
    assert len(cloud.asked("services")) == 2
    assert len(cloud.asked("services_v2")) == 2


async def test_without_permission():
    """The failure names the missing permission."""
    cloud, _ = with_services(Service())
    denied = Fault(
        effect=Effect.STATUS, api="services", status=403, code="ModelArts.0108"
    )
    cloud.faults.add(denied)
    async with exporting_from(cloud, change=SERVICES) as exporter:
        scrape = await exporter.scrape()
        page = (await exporter.client.get(f"{exporter.url}/?project=a")).text

    assert up_by_version(scrape) == {"v1": 0, "v2": 1}
    assert "grant the exporter&#39;s user modelarts:service:list" in page


async def test_single_services():
    """Opt-in: running ones first, then by time in their status, up to the limit."""
    cloud, _ = with_services(
        Service("stopped", "stopped", changed=1.5e9),
        Service("young", changed=1.62e9, invocations=5),
        Service("old", changed=1.6e9, invocations=70, failures=3, service_id="old"),
        v2=[Service("new", "RUNNING", "REAL_TIME")],
    )
    series = ServiceSeries(enabled=True, max_per_project=2)
    async with exporting_from(
        cloud, change=SERVICES, service_series=series
    ) as exporter:
        scrape = await exporter.scrape()

    names = {dict(found)["name"] for found in scrape.series("service_info")}
    assert names == {"old", "young", "new"}
    called = {"service_id": "old", **V1}
    assert scrape.value("service_invocations_total", **called) == 70
    assert scrape.value("service_failed_invocations_total", **called) == 3
    assert not scrape.series("service_invocations_total", **V2)


async def test_the_official_sdk_sees_the_same():
    """The official SDK finds as many services of v2 as the exporter."""
    cloud, _ = with_services(
        v2=[
            Service(status=status, type="REAL_TIME")
            for status in ("RUNNING", "RUNNING", "CONCERNING", "STOPPED")
        ]
    )
    async with serve(cloud) as url:
        sdk = modelarts_sdk(url, cloud.projects[0].project_id)
        answer = await asyncio.to_thread(
            sdk.list_infer_services, ListInferServicesRequest()
        )
        async with exporting(SERVICES(configured_for(cloud, url))) as exporter:
            scrape = await exporter.scrape()

    seen = [(row.type.lower(), row.status.lower()) for row in answer.data]
    assert counts(scrape, **V2) == {found: seen.count(found) for found in set(seen)}
