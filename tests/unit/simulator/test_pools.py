"""Simulated pools are described as the reference says, in every known style."""

import asyncio

import pytest

from harness import simulated
from huaweicloudsdkmodelarts.v1 import (
    ListPoolNodesRequest,
    ListPoolsRequest,
    ListWorkloadsRequest,
    ShowPoolRuntimeMetricsRequest,
    ShowPoolStatisticsRequest,
    ShowWorkloadStatisticsRequest,
)
from simulator_client import connected, modelarts_sdk

from exporter.simulator import (
    CPU_NODE,
    GPU_NODE,
    ManualClock,
    Pool,
    PoolNode,
    Quantities,
    Workload,
    demo_cloud,
)


PROJECT = f"{1:032x}"
SCOPE = {"project": {"id": PROJECT}}
V2 = f"/v2/{PROJECT}"


def with_pools():
    """Return a cloud and its pools: one with workloads, a part of it, a failed one."""
    cloud = simulated("a")
    now = cloud.clock.now()
    nodes = [PoolNode(used=8), PoolNode(used=2), PoolNode(phase="Abnormal")]
    workloads = [
        Workload("train", "Running", now - 90, now - 60, cpu=7.5, accelerators=8),
        Workload("notebook", "Running", now - 50, now - 40, accelerators=2),
        Workload("train", "Queue", now - 30, accelerators=16, name="waits"),
        Workload("train", "Queue", now - 20, accelerators=8),
        Workload("infer", "Completed", now - 900),
    ]
    desired = {GPU_NODE.flavor_id: 4}
    cloud.projects[0].pools.pools += [
        Pool("pool-a", "shared", nodes, workloads, desired=desired),
        Pool("pool-b", "part", nodes[:1], type="Logical", parent="pool-a"),
        Pool("pool-c", "failed", phase="CreationFailed"),
        Pool("pool-d", "elsewhere", [PoolNode(CPU_NODE)], workspace_id="team"),
    ]
    return cloud, cloud.projects[0].pools


async def got(client, path, **query):
    """Return the answer to a path."""
    answer = await client.get(path, params=query)
    assert answer.status_code == 200
    return answer.json()


async def listed(client, **query):
    """Return the IDs on the list of pools."""
    items = (await got(client, f"{V2}/pools", **query))["items"]
    return [item["metadata"]["name"] for item in items]


@pytest.mark.slow
async def test_the_list_of_pools():
    """Filters work, misspelled ones are ignored; failed pools come only on request."""
    cloud, pools = with_pools()
    async with connected(cloud, SCOPE) as client:
        assert await listed(client) == ["pool-a", "pool-b"]
        assert await listed(client, workspaceId="team") == ["pool-d"]
        assert await listed(client, workspace_id="team") == ["pool-a", "pool-b"]
        assert await listed(client, status="failed") == ["pool-c"]
        assert await listed(client, parent="pool-a") == ["pool-b"]
        pools.lists_failed = True
        assert await listed(client) == ["pool-a", "pool-b", "pool-c"]


async def test_nodes_of_pools():
    """Nodes are counted by state and flavor, as arrays or as objects, or are absent."""
    cloud, pools = with_pools()
    flavor = GPU_NODE.flavor_id
    async with connected(cloud, SCOPE) as client:
        pool = (await got(client, f"{V2}/pools"))["items"][0]
        pools.counts_as_objects = True
        other = (await got(client, f"{V2}/pools"))["items"][0]

    counts = pool["status"]["resources"]
    assert {state: rows[0]["count"] for state, rows in counts.items()} == {
        "available": 2,
        "abnormal": 1,
    }
    assert pool["spec"]["resources"] == [{"flavor": flavor, "count": 4, "maxCount": 4}]
    assert other["status"]["resources"]["available"]["count"] == 2


@pytest.mark.parametrize(
    ("style", "cpu", "memory"),
    [
        (Quantities.MIXED, "15500m", "131072Mi"),
        (Quantities.NUMBERS, 15.5, 128 * 2**30),
        (Quantities.TEXTS, "15500m", "134217728Ki"),
    ],
)
@pytest.mark.slow
async def test_usage_of_pools(style, cpu, memory):
    """Running workloads are allocated, in every style; measurements can be stale."""
    cloud, pools = with_pools()
    pools.quantities, pools.stale_seconds = style, 3600
    async with connected(cloud, SCOPE) as client:
        items = (await got(client, f"{V2}/metrics/runtime/pools"))["items"]
        pools.huawei, pools.named_by_display_name = True, True
        huawei = (await got(client, f"{V2}/metrics/runtime/pools"))["items"][0]

    allocated = items[0]["table"]["allocated"]
    assert allocated["value"]["cpu"] == cpu
    assert allocated["value"]["memory"] == memory
    assert float(allocated["value"]["nvidia.com/gpu"]) == 10
    assert float(items[0]["table"]["capacity"]["value"]["nvidia.com/gpu"]) == 16
    assert items[0]["metadata"]["name"] == "pool-a"
    assert items[0]["table"].keys() == {"allocated", "capacity"}
    assert huawei["metadata"]["name"] == "shared"
    assert huawei["table"]["workload"]["queue"]["train"] == 2
    assert huawei["table"]["workload"]["allocated"]["sum"] == 2


@pytest.mark.slow
async def test_workloads():
    """Workloads are filtered, sorted and paged by items; statistics count them."""
    cloud, pools = with_pools()
    path = f"{V2}/pools/pool-a/workloads"
    oldest = {"status": "Queue", "sort": "create_time", "ascend": "true", "limit": 1}
    async with connected(cloud, SCOPE) as client:
        first = await got(client, path, **oldest)
        paged = [(await got(client, path, limit=2, offset=n))["items"] for n in (0, 2)]
        types = await got(client, path, type=["notebook", "infer"])
        whole = await got(client, path, limit=0)
        wrong = await client.get(path, params={"limit": 501})
        unknown = await client.get(f"{V2}/pools/nowhere/workloads")
        numbers = await got(client, f"{V2}/statistics/pools/pool-a/workloads")
        pools.statics = True
        texts = await got(client, f"{V2}/statistics/pools/pool-a/workloads")

    row = first["items"][0]
    assert (row["jobName"], first["total"]) == ("waits", 2)
    assert row["pendingDuration"] == 30
    assert row["resourceRequirement"]["memory"] == "64.00 GiB"
    created = [row["createTime"] for rows in paged for row in rows]
    assert created == sorted(created, reverse=True)
    assert types["total"] == 2
    assert len(whole["items"]) == 5
    assert wrong.json()["error_code"] == "ModelArts.50004000"
    assert unknown.status_code == 404
    assert unknown.json()["error_code"] == "ModelArts.50015001"
    assert numbers["statistics"]["items"][0] == {
        "type": "train",
        "total": 3,
        "status": {"Running": 1, "Queue": 2},
    }
    assert texts["statics"]["total"] == "5"


@pytest.mark.slow
async def test_nodes_in_parts():
    """Nodes come all at once, or on the page that `continue` names."""
    cloud, pools = with_pools()
    path = f"{V2}/pools/pool-a/nodes"
    async with connected(cloud, SCOPE) as client:
        whole = await got(client, path)
        pools.nodes_per_page = 2
        first = await got(client, path)
        last = await got(client, path, **{"continue": first["metadata"]["continue"]})

    assert first["items"] + last["items"] == whole["items"]
    assert not {"continue"} & (whole["metadata"].keys() | last["metadata"].keys())
    free = [
        node["status"]["availableResources"]["nvidia.com/gpu"]
        for node in whole["items"]
    ]
    assert free == ["0", "6", "8"]


@pytest.mark.slow
async def test_the_official_sdk_reads_pools():
    """The official SDK reads every answer."""
    cloud, pools = with_pools()
    pools.huawei = pools.counts_as_objects = True

    def ask(sdk):
        pool = {"pool_name": "pool-a"}
        return (
            sdk.list_pools(ListPoolsRequest()),
            sdk.show_pool_runtime_metrics(ShowPoolRuntimeMetricsRequest()),
            sdk.show_pool_statistics(ShowPoolStatisticsRequest()),
            sdk.show_workload_statistics(ShowWorkloadStatisticsRequest(**pool)),
            sdk.list_workloads(ListWorkloadsRequest(limit=2, offset=1, **pool)),
            sdk.list_pool_nodes(ListPoolNodesRequest(**pool)),
        )

    async with connected(cloud) as client:
        listed, usage, phases, counted, workloads, nodes = await asyncio.to_thread(
            ask, modelarts_sdk(client.base_url, PROJECT)
        )

    pool = listed.items[0]
    assert pool.metadata.labels.os_modelarts_name == "shared"
    assert pool.status.resources.available.count == 2
    assert usage.items[0].table.workload.queue.train == 2
    assert phases.statistics.status.failed == 1
    assert counted.statistics.items[0].status.queue == 2
    assert [row.status for row in workloads.items] == ["Queue", "Running"]
    assert [node.status.phase for node in nodes.items].count("Abnormal") == 1


@pytest.mark.slow
async def test_the_actual_state_can_be_requested():
    """The actual state of every pool has a path of its own."""
    cloud, pools = with_pools()
    async with connected(cloud) as client:
        truth = (await got(client, "/simulator/pools"))["a"]["pool-a"]

    pool = pools.pools[0]
    assert truth["allocated"] == pool.allocated()
    assert truth["nodes"]["abnormal"] == {GPU_NODE.flavor_id: 1}
    assert {"type": "train", "status": "Queue", "count": 2} in truth["workloads"]


@pytest.mark.slow
def test_the_demos_pools_are_never_overcommitted():
    """At any time, no more is allocated than there is, and something changes."""
    clock = ManualClock(1_700_000_000.0)
    projects = demo_cloud(clock).projects
    seen = set()
    for _ in range(50):
        clock.advance(700)
        for project in projects:
            for pool in project.pools.of("0", clock.now()):
                capacity = pool.capacity()
                allocated = pool.allocated()
                assert all(allocated[key] <= capacity[key] for key in allocated)
                seen.add((pool.pool_id, frozenset(allocated.items())))

    assert len(seen) > 20
    assert {"vision", "translation"} == {p.name for p in projects if p.pools.pools}
