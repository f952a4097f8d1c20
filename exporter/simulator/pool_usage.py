"""
The use of simulated resource pools: resources, workloads, queues and nodes.

Source: ModelArts API reference, "Querying the Real-Time Resource Usage of Pools"
(`ShowPoolRuntimeMetrics`), `ShowWorkloadStatistics`, `ListWorkloads`, `ListPoolNodes`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Final

from .endpoints import Call, Endpoint
from .item_pages import ItemPage
from .pools import Pool, PoolNode, Pools, Quantities, Workload
from .replies import Json, Reply, json_reply, product_error, utc_time


_MAX_ROWS: Final = 500
_WAITING: Final = ("Queue", "Pending")
_WITHOUT_USAGE: Final = ("Waiting", "Creating", "CreationFailed")
_KI: Final = 2**10
_MI: Final = 2**20
_LOCK: Final = {"key": "os.modelarts/locked", "effect": "NoSchedule"}


def _metrics(state: Pools, call: Call) -> Reply:
    found = state.of(call.query.get("workspaceId", "0"), call.now)
    measured = utc_time(call.now - state.stale_seconds)
    items = [
        _metrics_item(state, pool, measured)
        for pool in found
        if pool.phase not in _WITHOUT_USAGE
    ]
    return json_reply(
        200, {"apiVersion": "v1", "kind": "PoolMetricsList", "items": items}
    )


def _metrics_item(state: Pools, pool: Pool, measured: str) -> Json:
    def part(**amounts: Mapping[str, float]) -> Json:
        values: Json = {
            name: _quantities(state.quantities, amount)
            for name, amount in amounts.items()
        }
        return values | {"timestamp": measured, "window": "1m"}

    capacity, allocated = pool.capacity(), pool.allocated()
    table: Json = {
        "allocated": part(value=allocated),
        "capacity": part(value=capacity, maxValue=capacity),
    }
    if state.huawei:
        free = {name: amount - allocated[name] for name, amount in capacity.items()}
        table["available"] = part(value=free, maxValue=free)
        table["workload"] = {
            "allocated": _by_type(pool, ("Running",)),
            "queue": _by_type(pool, _WAITING),
            "timestamp": measured,
            "window": "1m",
        }
    shown = pool.name if state.named_by_display_name else pool.pool_id
    labels = {
        "os.modelarts/name": pool.name,
        "os.modelarts/workspace.id": pool.workspace_id,
    }
    return {"metadata": {"name": shown, "labels": labels}, "table": table}


def _quantities(style: Quantities, amounts: Mapping[str, float]) -> Json:
    found: Json = {
        name: _quantity(style, amount, is_memory=name == "memory")
        for name, amount in amounts.items()
    }
    return found | {"ephemeral-storage": "100Gi", "pods": 110}


def _quantity(style: Quantities, amount: float, *, is_memory: bool) -> object:
    is_whole = float(amount).is_integer()
    match style:
        case Quantities.NUMBERS:
            return int(amount) if is_whole else amount
        case Quantities.TEXTS if is_memory:
            return f"{amount / _KI:.0f}Ki"
        case Quantities.MIXED if is_memory:
            return f"{amount / _MI:.0f}Mi"
        case Quantities.MIXED if is_whole:
            return int(amount)
    return str(int(amount)) if is_whole else f"{amount * 1000:.0f}m"


def _by_type(pool: Pool, statuses: tuple[str, ...]) -> Json:
    counts = Counter(found.type for found in pool.workloads if found.status in statuses)
    types = ("train", "infer", "x-infer", "notebook")
    by_type: Json = {name: counts[name] for name in types}
    return by_type | {"warmUpTask": 0, "sum": counts.total()}


def _phases(state: Pools, call: Call) -> Reply:
    found = state.of(call.query.get("workspaceId", "0"), call.now)
    counts = Counter(pool.list_status for pool in found)
    statuses = ("creating", "created", "failed", "pending", "deleting")
    status = {name: counts[name] for name in statuses}
    return json_reply(200, {"statistics": {"status": status}})


def _statistics(state: Pools, call: Call, pool: Pool) -> Reply:
    by_type: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for (of_type, status), count in pool.workload_counts().items():
        by_type[of_type][status] = count
    number: Callable[[int], object] = str if state.statics else int
    items = [
        {
            "type": of_type,
            "total": number(sum(statuses.values())),
            "status": {status: number(count) for status, count in statuses.items()},
        }
        for of_type, statuses in by_type.items()
    ]
    statistics = {"total": number(len(pool.workloads)), "items": items}
    return json_reply(200, {"statics" if state.statics else "statistics": statistics})


def _workloads(state: Pools, call: Call, pool: Pool) -> Reply:
    types, status = call.query.getlist("type"), call.query.get("status")
    try:
        page = ItemPage.read(call, default=_MAX_ROWS, most=_MAX_ROWS, least=0)
    except ValueError:
        return _invalid("offset or limit")
    if call.query.get("sort", "create_time") != "create_time":
        return _invalid("sort")
    found = [
        workload
        for workload in pool.workloads
        if (not types or workload.type in types) and status in {None, workload.status}
    ]
    ascending = call.query.get("ascend", "false") == "true"
    found.sort(key=lambda workload: workload.created, reverse=not ascending)
    rows = page.of([_workload(workload, call.now) for workload in found])
    return json_reply(
        200,
        {
            "apiVersion": "v2",
            "kind": "WorkloadList",
            "items": rows,
            "total": len(found),
        },
    )


def _workload(workload: Workload, now: float) -> Json:
    started = workload.started
    if started is None and workload.status not in (*_WAITING, "Creating"):
        started = workload.created
    waited = (now if started is None else started) - workload.created
    required: Json = {
        "cpu": f"{workload.cpu:g} Cores",
        "memory": f"{workload.memory:.2f} GiB",
    }
    if workload.accelerators:
        required[workload.accelerator] = f"{workload.accelerators:g}"
    return {
        "apiVersion": "v2",
        "kind": "Workload",
        "type": workload.type,
        "status": workload.status,
        "jobName": workload.name,
        "jobUUID": workload.uuid,
        "name": workload.name,
        "uid": workload.uuid,
        "namespace": "default",
        "flavor": "",
        "userName": workload.user,
        "priority": "1",
        "createTime": round(workload.created * 1000),
        "pendingDuration": round(waited),
        "pendingPosition": -1,
        "runningDuration": 0 if started is None else round(now - started),
        "resourceRequirement": required,
        "hostIps": "",
    }


def _nodes(state: Pools, call: Call, pool: Pool) -> Reply:
    first = call.query.get("continue", "0")
    start = int(first) if first.isdecimal() else 0
    end = len(pool.nodes)
    if state.nodes_per_page is not None:
        end = min(end, start + state.nodes_per_page)
    items = [_node(pool, number, pool.nodes[number]) for number in range(start, end)]
    left = len(pool.nodes) - end
    paging: Json = {"remainingItemCount": left}
    if left:
        paging["continue"] = str(end)
    return json_reply(
        200,
        {"apiVersion": "v2", "kind": "NodeList", "metadata": paging, "items": items},
    )


def _node(pool: Pool, number: int, node: PoolNode) -> Json:
    has = node.flavor.resources()
    free = has | {node.flavor.accelerator: node.flavor.accelerators - node.used}
    return {
        "apiVersion": "v2",
        "kind": "Node",
        "metadata": {
            "name": f"os-node-{pool.pool_id[:8]}-{number}",
            "creationTimestamp": utc_time(pool.created),
            "labels": {
                "os.modelarts.node/nodepool": "nodepool-1",
                "os.modelarts.node/billing.status": "0",
            },
        },
        "spec": {"flavor": node.flavor.flavor_id},
        "status": {
            "phase": node.phase,
            "az": node.az,
            "privateIp": f"192.168.0.{number % 250 + 2}",
            "resources": _node_resources(has),
            "availableResources": _node_resources(
                {name: amount for name, amount in free.items() if name in has}
            ),
            "taints": [_LOCK] if node.locked else [],
        },
    }


def _node_resources(amounts: Mapping[str, float]) -> Json:
    return {
        name: f"{amount * 1000:.0f}m"
        if name == "cpu"
        else f"{amount / _MI:.0f}Mi"
        if name == "memory"
        else f"{amount:g}"
        for name, amount in amounts.items()
    }


def _invalid(what: str) -> Reply:
    return product_error(400, "ModelArts.50004000", f"Bad request: invalid {what}.")


def _of_pool(
    answer: Callable[[Pools, Call, Pool], Reply],
) -> Callable[[Pools, Call], Reply]:
    def find(state: Pools, call: Call) -> Reply:
        pool = state.find(call.path["pool_id"], call.now)
        if pool is None:
            message = f"The pool {call.path['pool_id']} is not found."
            return product_error(404, "ModelArts.50015001", message)
        return answer(state, call, pool)

    return find


_POOL: Final = "/v2/{project_id}/pools/{pool_id}"

ENDPOINTS: Final = (
    Endpoint("pool_statistics", "/v2/{project_id}/statistics/pools", _phases),
    Endpoint("pool_metrics", "/v2/{project_id}/metrics/runtime/pools", _metrics),
    Endpoint(
        "pool_workload_statistics",
        "/v2/{project_id}/statistics/pools/{pool_id}/workloads",
        _of_pool(_statistics),
    ),
    Endpoint("pool_workloads", _POOL + "/workloads", _of_pool(_workloads)),
    Endpoint("pool_nodes", _POOL + "/nodes", _of_pool(_nodes)),
)
