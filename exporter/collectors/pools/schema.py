"""
The responses about pools, decoded into the needed fields.

Source: ModelArts API reference, "Querying Resource Pools" (`ListPools`), "Querying the
Real-Time Resource Usage of Pools" (`ShowPoolRuntimeMetrics`), `ShowWorkloadStatistics`,
`ListWorkloads` and `ListPoolNodes`. Numbers may come as strings, and what there is none
of is absent.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from ..numbers import Number


_ID: Final = msgspec.Meta(min_length=1, max_length=128)

# A kind of resource, or of workload, and how much there is of it.
Amounts = dict[str, Number]


class Labels(msgspec.Struct):
    """The labels of a pool."""

    name: str | None = msgspec.field(name="os.modelarts/name", default=None)
    workspace_id: Number = msgspec.field(name="os.modelarts/workspace.id", default=None)


class Annotations(msgspec.Struct):
    """The annotations of a pool."""

    billing_mode: Number = msgspec.field(name="os.modelarts/billing.mode", default=None)


class Metadata(msgspec.Struct):
    """What a pool is called; `name` is its ID."""

    name: Annotated[str, _ID]
    created: str | None = msgspec.field(name="creationTimestamp", default=None)
    labels: Labels | None = None
    annotations: Annotations | None = None


class NodeCount(msgspec.Struct):
    """A number of nodes of a flavor."""

    flavor: str | None = None
    count: Number = None


# The reference has a list of them, the official SDK one.
NodeCounts = list[NodeCount] | NodeCount | None


class PoolSpec(msgspec.Struct, rename="camel"):
    """What was ordered."""

    type: str | None = None
    resources: NodeCounts = None
    control_mode: Number = None


class NodesByState(msgspec.Struct):
    """A pool's nodes."""

    available: NodeCounts = None
    abnormal: NodeCounts = None
    creating: NodeCounts = None
    deleting: NodeCounts = None


class PoolState(msgspec.Struct):
    """What there is."""

    phase: str | None = None
    parent: str | None = None
    resources: NodesByState | None = None


class PoolItem(msgspec.Struct):
    """A pool."""

    metadata: Metadata
    spec: PoolSpec | None = None
    status: PoolState | None = None


class PoolList(msgspec.Struct):
    """All pools of a workspace."""

    items: list[PoolItem]


class Measurement(msgspec.Struct):
    """An amount of each resource, and when it was measured."""

    value: Amounts | None = None
    timestamp: str | None = None


class WorkloadNumbers(msgspec.Struct):
    """The number of workloads by type, with their `sum`; Huawei Cloud has them."""

    allocated: Amounts | None = None
    queue: Amounts | None = None


class UsageTable(msgspec.Struct):
    """What a pool has, and what is allocated of it."""

    allocated: Measurement | None = None
    capacity: Measurement | None = None
    workload: WorkloadNumbers | None = None


class UsageItem(msgspec.Struct):
    """The usage of a pool, which may be called by its ID or by its name for people."""

    metadata: Metadata
    table: UsageTable | None = None


class UsageList(msgspec.Struct):
    """The usage of all pools."""

    items: list[UsageItem]


class TypeStatistics(msgspec.Struct):
    """The number of workloads of a type by status."""

    type: str | None = None
    status: Amounts | None = None


class Statistics(msgspec.Struct):
    """The workloads of a pool."""

    items: list[TypeStatistics] | None = None


class StatisticsAnswer(msgspec.Struct):
    """The workloads of a pool, under a name that the reference spells in two ways."""

    statistics: Statistics | None = None
    statics: Statistics | None = None


class WorkloadItem(msgspec.Struct):
    """A workload."""

    status: str | None = None
    created: Number = msgspec.field(name="createTime", default=None)


class WorkloadList(msgspec.Struct):
    """Some workloads of a pool."""

    items: list[WorkloadItem]


class Taint(msgspec.Struct):
    """What keeps work from a node."""

    effect: str | None = None


class NodeSpec(msgspec.Struct):
    """What was ordered."""

    flavor: str | None = None


class NodeState(msgspec.Struct, rename="camel"):
    """What there is."""

    phase: str | None = None
    available_resources: Amounts | None = None
    taints: list[Taint] | None = None


class NodeItem(msgspec.Struct):
    """A node of a pool."""

    spec: NodeSpec | None = None
    status: NodeState | None = None


class Paging(msgspec.Struct):
    """Where the list goes on, if it does."""

    proceed: str | None = msgspec.field(name="continue", default=None)


class NodeList(msgspec.Struct):
    """Nodes of a pool."""

    items: list[NodeItem]
    metadata: Paging | None = None


pool_list: Final = msgspec.json.Decoder(PoolList)
usage_list: Final = msgspec.json.Decoder(UsageList)
statistics: Final = msgspec.json.Decoder(StatisticsAnswer)
workload_list: Final = msgspec.json.Decoder(WorkloadList)
node_list: Final = msgspec.json.Decoder(NodeList)
