"""Simulated services are listed by both versions as the references say."""

import asyncio

import pytest

from harness import simulated
from huaweicloudsdkmodelarts.v1 import ListInferServicesRequest
from simulator_client import connected, modelarts_sdk

from exporter.simulator import ManualClock, Service, demo_cloud


PROJECT = f"{1:032x}"
SCOPE = {"project": {"id": PROJECT}}
V1 = f"/v1/{PROJECT}/services"
V2 = f"/v2/{PROJECT}/services"


def with_services(*v1):
    """Return a cloud, and its services."""
    cloud = simulated("a")
    services = cloud.projects[0].services
    services.v1 += v1
    return cloud, services


async def got(client, path=V1, **query):
    """Return the answer to a path."""
    answer = await client.get(path, params=query)
    assert answer.status_code == 200
    return answer.json()


async def test_v1_filters_and_sorts():
    """A page has up to a thousand, the newest first; only the name matches in part."""
    cloud, _ = with_services(
        Service("old", created=1.0),
        Service("new", "stopped", "batch", created=2.0),
        Service("team", workspace_id="7"),
    )
    async with connected(cloud, SCOPE) as client:

        async def names(**query):
            rows = (await got(client, **query))["services"]
            return [row["service_name"] for row in rows]

        assert await names() == ["new", "old"]
        assert await names(order="asc") == ["old", "new"]
        assert await names(status="stopped") == ["new"]
        assert await names(infer_type="real-time") == ["old"]
        assert await names(workspace_id="7") == ["team"]
        assert (await client.get(V1, params={"limit": 1001})).status_code == 400


@pytest.mark.parametrize("counts_pages", [False, True])
async def test_v1_offsets(counts_pages):
    """An offset counts services or pages."""
    cloud, services = with_services(
        *(Service(str(n), created=float(n)) for n in range(6))
    )
    services.offset_counts_pages = counts_pages
    async with connected(cloud, SCOPE) as client:
        answer = await got(client, offset=1, limit=2, order="asc")

    names = [row["service_name"] for row in answer["services"]]
    assert names == (["2", "3"] if counts_pages else ["1", "2"])
    assert (answer["total_count"], answer["count"]) == (6, 2)


async def test_v1_rows():
    """Numbers are numbers or texts; absent values are left out."""
    service = Service(
        due=2e9, changed=None, invocations=5, progress=40, instances=(1, 3)
    )
    cloud, services = with_services(service)
    async with connected(cloud, SCOPE) as client:
        row = (await got(client))["services"][0]
        services.numbers_as_strings = services.times_in_seconds = True
        services.workspace_as_number = True
        other = (await got(client))["services"][0]
        monitor = await got(client, f"{V1}/{service.service_id}/monitor")
        unknown = await client.get(f"{V1}/unknown/monitor")

    assert row["publish_at"] == 1_700_000_000_000
    assert row["due_time"] == 2_000_000_000_000
    assert "transition_at" not in row
    assert (row["invocation_times"], other["invocation_times"]) == (5, "5")
    assert (row["workspace_id"], other["workspace_id"]) == ("0", 0)
    assert other["publish_at"] == "1700000000"
    assert monitor["service_instance_count"] == 3
    assert monitor["service_running_instance_count"] == 1
    assert unknown.status_code == 404


@pytest.mark.slow
async def test_v2_lists_other_services():
    """A page has ten by default; an offset is a multiple of the limit."""
    cloud, services = with_services(Service())
    for number in range(12):
        services.v2.append(
            Service(f"s{number}", "RUNNING", "REAL_TIME", changed=float(number))
        )
    services.v2[-1].due, services.v2[-1].frozen = 2e9, "ARREAR"
    async with connected(cloud) as client:
        sdk = modelarts_sdk(client.base_url, PROJECT)
        request = ListInferServicesRequest()
        answer = await asyncio.to_thread(sdk.list_infer_services, request)
    async with connected(cloud, SCOPE) as client:
        last = await got(client, V2, limit=5, offset=10)
        rejected = await client.get(V2, params={"limit": 5, "offset": 3})
        truth = (await got(client, "/simulator/services"))["a"]

    assert [row.name for row in answer.data[:2]] == ["s11", "s10"]
    assert (answer.total, answer.pages, answer.current) == (12, 2, 0)
    assert answer.data[0].schedule[0].due_time == 2_000_000_000_000
    assert answer.data[0].frozen_infos[0].scene == "ARREAR"
    assert (len(last["data"]), last["current"]) == (2, 2)
    assert rejected.status_code == 400
    assert truth == {
        "v1": [{"type": "real-time", "status": "running", "count": 1}],
        "v2": [{"type": "REAL_TIME", "status": "RUNNING", "count": 12}],
    }


def test_the_demos_services_are_called():
    """Numbers of calls only grow, and one of the services malfunctions at times."""
    clock = ManualClock(1_700_000_000.0)
    services = demo_cloud(clock).projects[0].services
    calls, statuses = [], set()
    for _ in range(30):
        clock.advance(600)
        services.advance(clock.now())
        calls.append([found.invocations for found in services.v1])
        statuses |= {found.status for found in services.v1}

    assert calls == sorted(calls)
    assert calls[0] != calls[-1]
    assert {"running", "concerning", "stopped"} <= statuses
