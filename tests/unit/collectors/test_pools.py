"""Resource pools: ordered and available nodes, allocated resources, queues."""

import asyncio
import gc

from collections import Counter
from dataclasses import replace
from functools import partial

import pytest

from harness import configuration, exporting_from, key_auth, simulated
from huaweicloudsdkmodelarts.v1 import (
    ListPoolsRequest,
    ShowPoolRuntimeMetricsRequest,
    ShowWorkloadStatisticsRequest,
)
from simulator_client import connected, modelarts_sdk

from exporter.check import Step, check_all, table
from exporter.cloud.session import Session
from exporter.collectors.base import Progress, Target
from exporter.collectors.pools.products import POOLS as PRODUCT
from exporter.config import CollectionSettings
from exporter.deadline import Deadline
from exporter.errors import CollectionError, Failure, Reason
from exporter.simulator import (
    CPU_NODE,
    GPU_NODE,
    NPU_NODE,
    Effect,
    Fault,
    Pool,
    PoolNode,
    Quantities,
    Workload,
    serve,
)


POOLS = {"project": "a", "kind": "pool"}
GPU, GPU_FLAVOR = "nvidia.com/gpu", GPU_NODE.flavor_id
A = {"project": "a", "pool": "pool-a"}


def with_pools(*more):
    """Return a cloud and its pools: one with workloads, a part of it, and more."""
    cloud = simulated("a")
    now = cloud.clock.now()
    nodes = [PoolNode(used=8), PoolNode(used=2), PoolNode(phase="Abnormal")]
    workloads = [
        Workload("train", "Running", now - 90, now - 60, cpu=7.5, accelerators=8),
        Workload("notebook", "Running", now - 50, now - 40, accelerators=2),
        Workload("train", "Queue", now - 30, accelerators=16),
        Workload("train", "Queue", now - 20, accelerators=8),
        Workload("x-infer", "Completed", now - 900),
    ]
    cloud.projects[0].pools.pools += [
        Pool("pool-a", "shared", nodes, workloads, desired={GPU_FLAVOR: 4}),
        Pool("pool-b", "part", nodes[:1], type="Logical", parent="pool-a"),
        *more,
    ]
    return cloud, cloud.projects[0].pools


def only_pools(configured, workspace_id="0"):
    """Return a configuration that collects pools only."""
    projects = tuple(
        replace(one, collectors=("pools",), workspace_id=workspace_id)
        for one in configured.projects
    )
    return replace(configured, projects=projects)


def collecting(cloud, workspace_id="0", auth=None, **collection):
    """Run an exporter that collects the pools of all projects."""
    change = partial(only_pools, workspace_id=workspace_id)
    return exporting_from(cloud, auth, change, **collection)


def by(scrape, name, *labels, **chosen):
    """Return the values of a metric's series by some of their labels."""
    return {
        tuple(dict(found)[label] for label in labels): value
        for found, value in scrape.series(name, **chosen).items()
    }


def requests(cloud):
    """Return the number of requests for each API, except for tokens."""
    found = Counter(request.api for request in cloud.asked())
    del found["auth_tokens"]
    return found


async def test_metrics_of_pools():
    """Types, statuses, names, parents and ages; a part of a pool has its own series."""
    failed = Pool("pool-c", "new", phase="ScalingFailed", billing="1", control_mode=8)
    cloud, _ = with_pools(failed, Pool("pool-d", "odd", phase="Hibernating"))
    async with collecting(cloud) as exporter:
        scrape = await exporter.scrape()

    assert scrape.up() == {("a", "pool"): 1}
    assert not scrape.errors("a", "pool")
    assert by(scrape, "pools", "type", "status", "phase") == {
        ("physical", "running", "running"): 1,
        ("logical", "running", "running"): 1,
        ("physical", "scaling_failed", "failed"): 1,
        ("physical", "unrecognized", "unknown"): 1,
    }
    info = ("pool", "pool_name", "type", "billing", "parent")
    assert set(by(scrape, "pool_info", *info)) == {
        ("pool-a", "shared", "physical", "pay_per_use", ""),
        ("pool-b", "part", "logical", "pay_per_use", "pool-a"),
        ("pool-c", "new", "physical", "prepaid", ""),
        ("pool-d", "odd", "physical", "pay_per_use", ""),
    }
    status = {"status": "scaling_failed", "phase": "failed"}
    assert scrape.value("pool_status", project="a", pool="pool-c", **status) == 1
    assert by(scrape, "pool_frozen", "pool") == {
        ("pool-a",): 0,
        ("pool-b",): 0,
        ("pool-c",): 1,
        ("pool-d",): 0,
    }
    assert scrape.value("pool_created_timestamp_seconds", **A) == 1_700_000_000


@pytest.mark.parametrize("as_objects", [False, True])
async def test_nodes(as_objects):
    """Nodes are counted by state and flavor, however the API lists them."""
    cloud, pools = with_pools()
    pools.counts_as_objects = as_objects
    async with collecting(cloud) as exporter:
        scrape = await exporter.scrape()

    assert by(scrape, "pool_nodes", "state", pool="pool-a", flavor=GPU_FLAVOR) == {
        ("available",): 2,
        ("abnormal",): 1,
        ("creating",): 0,
        ("deleting",): 0,
    }
    assert scrape.value("pool_desired_nodes", flavor=GPU_FLAVOR, **A) == 4


@pytest.mark.parametrize("huawei", [False, True])
@pytest.mark.parametrize("quantities", Quantities)
@pytest.mark.slow
async def test_usage_and_queue(quantities, huawei):
    """Capacity and allocation in every style; workloads from the usage, or by pool."""
    cloud, pools = with_pools()
    pools.quantities, pools.huawei = quantities, huawei
    pools.stale_seconds = 3600
    now = int(cloud.clock.now())
    async with collecting(cloud) as exporter:
        scrapes = [await exporter.scrape() for _ in range(2)]

    for scrape in scrapes:
        assert scrape.value("pool_capacity_accelerators", accelerator=GPU, **A) == 16
        assert scrape.value("pool_allocated_accelerators", accelerator=GPU, **A) == 10
        assert scrape.value("pool_capacity_cpu_cores", **A) == 128
        assert scrape.value("pool_allocated_cpu_cores", **A) == 15.5
        assert scrape.value("pool_capacity_memory_bytes", **A) == 1024 * 2**30
        assert scrape.value("pool_allocated_memory_bytes", **A) == 128 * 2**30
        assert scrape.value("pool_usage_timestamp_seconds", **A) == now - 3600
        assert not scrape.series("pool_capacity_accelerators", accelerator="pods")
        counts = by(scrape, "pool_workloads", "type", "status", "phase", pool="pool-a")
        finished = {("x_infer", "completed", "succeeded"): 1}
        assert {key: number for key, number in counts.items() if number} == {
            ("train", "running", "running"): 1,
            ("train", "queue", "pending"): 2,
            ("notebook", "running", "running"): 1,
            **({} if huawei else finished),
        }
        assert counts["notebook", "queue", "pending"] == 0
        oldest = scrape.value("pool_oldest_queued_timestamp_seconds", **A)
        assert oldest == pytest.approx(cloud.clock.now() - 30, abs=1)
        part = by(scrape, "pool_workloads", "type", "status", pool="pool-b")
        assert part == {("train", "queue"): 0, ("train", "running"): 0}


@pytest.mark.parametrize("huawei", [False, True])
@pytest.mark.slow
async def test_requests_of_a_scrape(huawei):
    """A scrape takes two requests, one for each pool and one for each queue."""
    cloud, pools = with_pools(Pool("pool-c", "new", phase="Creating"))
    pools.huawei = huawei
    async with collecting(cloud) as exporter:
        for _ in range(2):
            cloud.record.clear()
            await exporter.scrape()

            assert requests(cloud) == Counter(
                pools=1,
                pool_metrics=1,
                pool_workload_statistics=0 if huawei else 2,
                pool_workloads=1,
            )


async def test_statistics_as_the_reference_spells_them():
    """`statics`, with numbers as texts, has the same meaning."""
    cloud, pools = with_pools()
    pools.statics = True
    async with collecting(cloud) as exporter:
        scrape = await exporter.scrape()

    queued = {"type": "train", "status": "queue", "phase": "pending"}
    assert scrape.value("pool_workloads", **queued, **A) == 2


@pytest.mark.slow
async def test_usage_by_display_name():
    """A usage is matched by pool name, unless that is ambiguous or an ID."""
    nodes = [PoolNode(NPU_NODE)]
    cloud, pools = with_pools(
        Pool("pool-c", "twin", nodes),
        Pool("pool-d", "twin", nodes),
        Pool("pool-e", "single", nodes),
    )
    pools.named_by_display_name = True
    async with collecting(cloud) as exporter:
        by_name = await exporter.scrape()
        pools.named_by_display_name = False
        pools.pools[3].name = "pool-e"
        by_id = await exporter.scrape()

    assert set(by(by_name, "pool_capacity_cpu_cores", "pool")) == {
        ("pool-a",),
        ("pool-b",),
        ("pool-e",),
    }
    assert len(by_id.series("pool_capacity_cpu_cores")) == 5


async def test_free_accelerators_by_node():
    """Requested only if configured; locked and abnormal nodes are not free."""
    locked = Pool(
        "pool-c",
        "locked",
        [PoolNode(locked=True), PoolNode(used=7.5), PoolNode(CPU_NODE)],
    )
    cloud, pools = with_pools(locked)
    pools.nodes_per_page = 2
    async with collecting(cloud, pool_nodes=True) as exporter:
        scrape = await exporter.scrape()

    labels = ("pool", "flavor", "free")
    assert by(scrape, "pool_nodes_by_free_accelerators", *labels) == {
        ("pool-a", GPU_FLAVOR, "0"): 1,
        ("pool-a", GPU_FLAVOR, "6"): 1,
        ("pool-b", GPU_FLAVOR, "0"): 1,
        ("pool-c", GPU_FLAVOR, "0"): 1,
    }
    assert by(scrape, "pool_locked_nodes", "pool", "flavor") == {
        ("pool-c", GPU_FLAVOR): 1
    }
    assert requests(cloud)["pool_nodes"] == 5


@pytest.mark.parametrize(
    ("api", "lacks"),
    [
        (
            "pool_metrics",
            {"pool_capacity_accelerators", "pool_usage_timestamp_seconds"},
        ),
        (
            "pool_workload_statistics",
            {"pool_workloads", "pool_oldest_queued_timestamp_seconds"},
        ),
        ("pool_workloads", {"pool_oldest_queued_timestamp_seconds"}),
        ("pool_nodes", {"pool_nodes_by_free_accelerators"}),
    ],
)
@pytest.mark.slow
async def test_a_partial_failure(api, lacks):
    """The rest is exported, and the reason counts once for all pools."""
    metrics = {
        "pool_info",
        "pool_nodes",
        "pool_capacity_accelerators",
        "pool_usage_timestamp_seconds",
        "pool_workloads",
        "pool_oldest_queued_timestamp_seconds",
        "pool_nodes_by_free_accelerators",
    }
    cloud, _ = with_pools()
    fault = Fault(effect=Effect.STATUS, api=api, status=403, code="ModelArts.50011001")
    async with collecting(cloud, pool_nodes=True) as exporter:
        await exporter.scrape()
        cloud.faults.add(fault)
        scrape = await exporter.scrape()
        page = (await exporter.client.get(f"{exporter.url}/?project=a")).text

    assert scrape.up() == {("a", "pool"): 1}
    assert scrape.errors("a", "pool") == {"permission": 1}
    assert {name for name in metrics if not scrape.series(name)} == lacks
    assert "collected, but not everything else" in page


@pytest.mark.slow
async def test_the_queue_where_the_usage_fails():
    """The queue is then requested for each pool, on Huawei Cloud too."""
    cloud, pools = with_pools()
    pools.huawei = True
    async with collecting(cloud) as exporter:
        await exporter.scrape()
        cloud.faults.add(Fault(effect=Effect.HTML, api="pool_metrics", status=200))
        scrape = await exporter.scrape()

    assert scrape.errors("a", "pool") == {"response": 1}
    queued = {"type": "train", "status": "queue", "phase": "pending"}
    assert scrape.value("pool_workloads", **queued, **A) == 2


async def test_the_list_fails():
    """If the list fails, modelarts_up is 0."""
    cloud, _ = with_pools()
    cloud.faults.add(Fault(effect=Effect.HTML, api="pools", status=200))
    async with collecting(cloud) as exporter:
        scrape = await exporter.scrape()

    assert scrape.up() == {("a", "pool"): 0}
    assert not scrape.series("pool_info")
    assert not scrape.series("pools")


class RejectingClient:
    """A client that rejects a request before it is sent, as after a deadline."""

    async def ask(self, project, call, deadline, record):
        """Reject the call."""
        raise CollectionError(
            Failure(reason=Reason.TIMEOUT, problem="no time left", advice="wait")
        )


@pytest.mark.slow
async def test_a_list_that_fails_at_once(recwarn):
    """The usage request, which has not started, is canceled without a warning."""
    project = configuration(simulated("a"), "http://127.0.0.1:9").projects[0]
    target = Target(project, PRODUCT, "v2")
    poller = PRODUCT.open(target, CollectionSettings())
    deadline = Deadline(5)
    with pytest.raises(CollectionError, match="no time left"):
        await poller.poll(
            Session(project, deadline, RejectingClient()), Progress(deadline)
        )
    await asyncio.sleep(0)
    gc.collect()

    assert not recwarn.list
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("api", ["pool_metrics", "pool_workload_statistics"])
@pytest.mark.slow
async def test_a_partial_timeout(api):
    """At the deadline, what was answered is exported; queues do not need the usage."""
    cloud, _ = with_pools()
    async with collecting(cloud) as exporter:
        await exporter.scrape()
        cloud.faults.add(Fault(effect=Effect.HANG, api=api))
        scrape = await exporter.scrape(seconds=1.5)

    assert scrape.up() == {("a", "pool"): 1}
    assert scrape.errors("a", "pool") == {"timeout": 1}
    assert scrape.series("pool_info")
    has_usage, has_queue = api != "pool_metrics", api == "pool_metrics"
    assert bool(scrape.series("pool_capacity_cpu_cores")) is has_usage
    assert bool(scrape.series("pool_oldest_queued_timestamp_seconds")) is has_queue


async def test_a_pool_that_is_deleted_between_two_requests():
    """A pool that is deleted after it was listed is no failure."""
    cloud, pools = with_pools()

    def before_statistics(api, page):
        if api == "pool_workload_statistics":
            pools.pools[:] = [one for one in pools.pools if one.pool_id != "pool-a"]

    cloud.before_answer = before_statistics
    async with collecting(cloud) as exporter:
        first = await exporter.scrape()
        second = await exporter.scrape()

    assert first.up() == {("a", "pool"): 1}
    assert not first.errors("a", "pool")
    assert first.series("pool_info", pool="pool-a")
    assert not first.series("pool_workloads", pool="pool-a")
    assert first.series("pool_workloads", pool="pool-b")
    assert not second.series("pool_info", pool="pool-a")


async def test_without_pools():
    """Without pools, the number is 0, and a scrape takes two requests."""
    cloud = simulated("a")
    async with collecting(cloud) as exporter:
        scrape = await exporter.scrape()
        page = (await exporter.client.get(f"{exporter.url}/?project=a")).text

    assert by(scrape, "pools", "type", "status") == {("physical", "running"): 0}
    assert requests(cloud) == {"pools": 1, "pool_metrics": 1}
    assert "Nothing there: Resource pools." in page


@pytest.mark.slow
async def test_two_hundred_pools():
    """All pools are exported, with one request more for each."""
    now = 1_700_000_000.0
    more = [
        Pool(f"pool-{number}", f"p{number}", [PoolNode()], [Workload(created=now)])
        for number in range(200)
    ]
    cloud, _ = with_pools(*more)
    async with collecting(cloud) as exporter:
        scrape = await exporter.scrape()

    assert scrape.up() == {("a", "pool"): 1}
    assert len(scrape.series("pool_info")) == 202
    assert len(scrape.series("pool_capacity_accelerators")) == 202
    assert requests(cloud)["pool_workload_statistics"] == 202


async def test_how_many_series_a_pool_has():
    """As documented: at most 30 with one flavor, seven of them for workloads here."""
    cloud, _ = with_pools()
    async with collecting(cloud, pool_nodes=True) as exporter:
        scrape = await exporter.scrape()

    own = [labels for _, labels in scrape.samples if ("pool", "pool-a") in labels]
    assert 20 < len(own) <= 30
    assert len(scrape.series("pool_workloads", pool="pool-a")) == 7


async def test_a_workspace():
    """The workspace's own pools are requested; an answer for another is rejected."""
    cloud, _ = with_pools(Pool("pool-c", "theirs", workspace_id="team"))
    async with collecting(cloud, workspace_id="team") as exporter:
        right = await exporter.scrape()
        cloud.faults.add(
            Fault(
                effect=Effect.FIELDS,
                api="pools",
                fields={"os.modelarts/workspace.id": '"0"'},
            )
        )
        wrong = await exporter.scrape()

    assert set(by(right, "pool_info", "pool")) == {("pool-c",)}
    assert wrong.up() == {("a", "pool"): 0}
    assert wrong.errors("a", "pool") == {"response": 1}


async def test_the_status_page():
    """A pool has a bar of its allocation; parts of pools are not added to it."""
    cloud, _ = with_pools(Pool("pool-c", "batch", [PoolNode(CPU_NODE)]))
    async with collecting(cloud) as exporter:
        await exporter.scrape()
        page = (await exporter.client.get(f"{exporter.url}/?project=a")).text

    assert "Resource pools" in page
    assert "3 running" in page
    assert "<span>shared</span>" in page
    assert "<span>10 accelerators allocated, 6 free, 16 missing</span>" in page
    assert '<rect class="running" x="0.0" width="31.25" height="4"/>' in page
    assert "<span>batch</span>" in page
    assert "<span>8 free</span>" in page
    assert "<span>part</span>" not in page
    assert "2 of 5 nodes are not available." in page


async def checked(cloud):
    """Return the output of the command `check`."""
    async with serve(cloud) as url:
        configured = only_pools(configuration(cloud, url, pool_nodes=True))
        return await check_all(configured, lambda _: None)


async def test_check():
    """Each API is tried once, for one pool; the advice names what is missing."""
    cloud, _ = with_pools()
    (well,) = await checked(cloud)
    asked = requests(cloud)
    cloud.faults.add(Fault(effect=Effect.STATUS, api="pool_nodes", status=403))
    (partly,) = await checked(cloud)

    assert well.ok
    assert well.steps[Step.JOBS].words == "2"
    assert asked == dict.fromkeys(
        (
            "pools",
            "pool_metrics",
            "pool_workload_statistics",
            "pool_workloads",
            "pool_nodes",
        ),
        1,
    )
    assert not partly.ok
    assert partly.steps[Step.PERMISSION].words == "no nodes of pools"
    assert "grant the exporter's user modelarts:pool:get" in table([partly])


@pytest.mark.slow
async def test_the_official_sdk_sees_the_same():
    """The official SDK, with the same key, reads the same numbers as a scrape."""
    cloud, pools = with_pools()
    pools.huawei = pools.counts_as_objects = True
    pools.quantities = Quantities.NUMBERS

    def ask(sdk):
        return (
            sdk.list_pools(ListPoolsRequest()).items[0],
            sdk.show_pool_runtime_metrics(ShowPoolRuntimeMetricsRequest()).items[0],
            sdk.show_workload_statistics(ShowWorkloadStatisticsRequest("pool-a")),
        )

    async with (
        connected(cloud) as client,
        collecting(cloud, auth=key_auth()) as exporter,
    ):
        scrape = await exporter.scrape()
        pool, usage, workloads = await asyncio.to_thread(
            ask, modelarts_sdk(client.base_url, f"{1:032x}")
        )

    available = pool.status.resources.available
    nodes = {"flavor": available.flavor, "state": "available"}
    assert scrape.value("pool_nodes", **nodes, **A) == available.count
    assert usage.metadata.name == "pool-a"
    queued = {"type": "train", "status": "queue", "phase": "pending"}
    found = scrape.value("pool_workloads", **queued, **A)
    assert found == usage.table.workload.queue.train
    assert found == workloads.statistics.items[0].status.queue
    cores = scrape.value("pool_allocated_cpu_cores", **A)
    assert cores == float(usage.table.allocated.value.cpu)
