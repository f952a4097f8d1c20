"""
Simulated resource pools: their nodes, what runs on them, and the list of pools.

Source: ModelArts API reference, "Querying Resource Pools" (`ListPools`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from .endpoints import Call, Endpoint
from .replies import Json, Reply, json_reply, utc_time


_NODES_KEPT: Final = ("creating", "available", "abnormal", "deleting")
_NODE_STATES: Final = {"Checking": "creating"}


@dataclass(frozen=True, slots=True)
class NodeFlavor:
    """What a node has: cores, GiB of memory, and accelerators under their resource's key."""

    flavor_id: str
    cpu: float = 8
    memory: float = 64
    accelerators: float = 0
    accelerator: str = "nvidia.com/gpu"

    def resources(self) -> dict[str, float]:
        """Return what a node has, memory in bytes."""
        found = {"cpu": self.cpu, "memory": self.memory * 2**30}
        return found | (
            {self.accelerator: self.accelerators} if self.accelerators else {}
        )


CPU_NODE: Final = NodeFlavor("modelarts.vm.cpu.8ud")
GPU_NODE: Final = NodeFlavor("modelarts.bm.gpu.8v100", 64, 512, 8)
NPU_NODE: Final = NodeFlavor(
    "modelarts.bm.npu.8snt9", 192, 768, 8, "huawei.com/ascend-1980"
)


@dataclass(slots=True)
class PoolNode:
    """A node, and how many of its accelerators are in use; a locked one takes no work."""

    flavor: NodeFlavor = GPU_NODE
    phase: str = "Available"
    used: float = 0
    locked: bool = False
    az: str = "eu-de-01"


@dataclass(slots=True)
class Workload:
    """A workload in a pool: a training job, notebook or service, and what it holds."""

    type: str = "train"
    status: str = "Running"
    created: float = 0.0
    started: float | None = None
    name: str = "job"
    user: str = "somebody"
    cpu: float = 8
    memory: float = 64
    accelerators: float = 0
    accelerator: str = "nvidia.com/gpu"
    uuid: str = "00000000-0000-4000-8000-000000000000"

    def resources(self) -> dict[str, float]:
        """Return what it holds while it runs, memory in bytes."""
        held = NodeFlavor(
            "", self.cpu, self.memory, self.accelerators, self.accelerator
        )
        return held.resources()


@dataclass(slots=True)
class Pool:
    """
    A pool; a logical one is a part of its `parent`.

    `desired` nodes by flavor; without it, as many as there are. With a `plan`, that says
    what runs at a time; otherwise `workloads` does not change by itself.
    """

    pool_id: str
    name: str
    nodes: list[PoolNode] = field(default_factory=list)
    workloads: list[Workload] = field(default_factory=list)
    phase: str = "Running"
    type: str = "Dedicate"
    parent: str = ""
    billing: str = "0"
    created: float = 1_700_000_000.0
    workspace_id: str = "0"
    scope: tuple[str, ...] = ("Train", "Infer", "Notebook")
    control_mode: int = 0
    driver: str = "Running"
    desired: dict[str, int] | None = None
    plan: Callable[[float], Sequence[Workload]] | None = None

    @property
    def list_status(self) -> str:
        """What the list of pools filters by: creating, created or failed."""
        if self.phase in {"Waiting", "Creating"}:
            return "creating"
        return "failed" if self.phase == "CreationFailed" else "created"

    def advance(self, now: float) -> None:
        """Let run what the plan says for that time."""
        if self.plan is not None:
            self.workloads = list(self.plan(now))

    def desired_nodes(self) -> Counter[str]:
        """Return the number of nodes that are wanted, by flavor."""
        if self.desired is not None:
            return Counter(self.desired)
        return Counter(node.flavor.flavor_id for node in self.nodes)

    def nodes_in(self, state: str) -> Counter[str]:
        """Return the number of nodes by flavor that the list of pools counts as `state`."""
        return Counter(
            node.flavor.flavor_id
            for node in self.nodes
            if _NODE_STATES.get(node.phase, node.phase.lower()) == state
        )

    def capacity(self) -> dict[str, float]:
        """Return what the available nodes have together, memory in bytes."""
        nodes = [node for node in self.nodes if node.phase == "Available"]
        return _sum(node.flavor.resources() for node in nodes)

    def allocated(self) -> dict[str, float]:
        """Return what running workloads hold together, memory in bytes."""
        running = [found for found in self.workloads if found.status == "Running"]
        nothing = dict.fromkeys(self.capacity(), 0.0)
        return nothing | _sum(workload.resources() for workload in running)

    def workload_counts(self) -> Counter[tuple[str, str]]:
        """Return the number of workloads by type and status."""
        return Counter((found.type, found.status) for found in self.workloads)


class Quantities(StrEnum):
    """How quantities of resources are written."""

    MIXED = "mixed"
    """Whole numbers as numbers, others as texts; memory in Mi."""

    NUMBERS = "numbers"
    """All as numbers, memory in bytes."""

    TEXTS = "texts"
    """All as texts, memory in Ki."""


@dataclass(slots=True)
class Pools:
    """A project's pools, and how this cloud describes them."""

    pools: list[Pool] = field(default_factory=list)
    quantities: Quantities = Quantities.MIXED
    counts_as_objects: bool = False
    """States of nodes are one object each, not an array."""

    lists_failed: bool = False
    """Pools that could not be created are listed without being asked for."""

    huawei: bool = False
    """Usage has the queue and what is available, as on Huawei Cloud."""

    named_by_display_name: bool = False
    """Usage names pools as people do, not by their IDs."""

    stale_seconds: float = 0.0
    """How old measurements of usage are."""

    statics: bool = False
    """Statistics are called so, and their numbers are texts."""

    nodes_per_page: int | None = None

    def of(self, workspace_id: str, now: float) -> list[Pool]:
        """Return the pools of a workspace."""
        for pool in self.pools:
            pool.advance(now)
        return [pool for pool in self.pools if pool.workspace_id == workspace_id]

    def find(self, pool_id: str, now: float) -> Pool | None:
        """Return the pool with that ID."""
        for pool in self.pools:
            if pool.pool_id == pool_id:
                pool.advance(now)
                return pool
        return None


def truth(state: Pools, now: float) -> Json:
    """Return what is so: by pool, its nodes, resources and workloads."""
    found: Json = {}
    for pool in state.pools:
        pool.advance(now)
        found[pool.pool_id] = {
            "name": pool.name,
            "type": pool.type,
            "phase": pool.phase,
            "desired": pool.desired_nodes(),
            "nodes": {kept: pool.nodes_in(kept) for kept in _NODES_KEPT},
            "capacity": pool.capacity(),
            "allocated": pool.allocated(),
            "workloads": [
                {"type": of_type, "status": status, "count": count}
                for (of_type, status), count in sorted(pool.workload_counts().items())
            ],
        }
    return found


def _list(state: Pools, call: Call) -> Reply:
    found = state.of(call.query.get("workspaceId", "0"), call.now)
    status = call.query.get("status")
    if status is not None:
        found = [pool for pool in found if pool.list_status == status]
    elif not state.lists_failed:
        found = [pool for pool in found if pool.list_status != "failed"]
    parent = call.query.get("parent")
    if parent is not None:
        found = [pool for pool in found if pool.parent == parent]
    items = [_item(state, pool) for pool in found]
    return json_reply(200, {"apiVersion": "v2", "kind": "PoolList", "items": items})


def _item(state: Pools, pool: Pool) -> Json:
    return {
        "apiVersion": "v2",
        "kind": "Pool",
        "metadata": {
            "name": pool.pool_id,
            "creationTimestamp": utc_time(pool.created),
            "labels": {
                "os.modelarts/name": pool.name,
                "os.modelarts/workspace.id": pool.workspace_id,
                "os.modelarts/resource.id": pool.pool_id,
            },
            "annotations": {
                "os.modelarts/description": "",
                "os.modelarts/billing.mode": pool.billing,
                "os.modelarts/auto.renew": "0",
            },
        },
        "spec": {
            "type": pool.type,
            "scope": list(pool.scope),
            "resources": [
                {"flavor": flavor, "count": count, "maxCount": count}
                for flavor, count in pool.desired_nodes().items()
            ],
            "controlMode": pool.control_mode,
        },
        "status": {
            "phase": pool.phase,
            "message": "",
            "resources": {
                kept: _node_counts(state, pool, kept)
                for kept in _NODES_KEPT
                if pool.nodes_in(kept)
            },
            "scope": [{"scopeType": one, "state": "Enabled"} for one in pool.scope],
            "driver": {"gpu": {"version": "470.57.02", "state": pool.driver}},
            "parent": pool.parent,
            "root": pool.parent,
        },
    }


def _node_counts(state: Pools, pool: Pool, kept: str) -> Json | list[Json]:
    counts: list[Json] = [
        {
            "flavor": flavor,
            "count": count,
            "maxCount": count,
            "azs": [{"az": "eu-de-01", "count": count}],
        }
        for flavor, count in pool.nodes_in(kept).items()
    ]
    return counts[0] if state.counts_as_objects else counts


def _sum(amounts: Iterable[dict[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for amount in amounts:
        for name, value in amount.items():
            found[name] = found.get(name, 0.0) + value
    return found


ENDPOINTS: Final = (Endpoint("pools", "/v2/{project_id}/pools", _list),)
