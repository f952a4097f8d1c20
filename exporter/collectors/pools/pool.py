"""What is known of one pool: the pool itself, its usage, its workloads, its nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from ..statuses import Status
from .statuses import QUEUED


PoolId: TypeAlias = str

WorkloadCounts: TypeAlias = Mapping[tuple[str, Status], int]
"""The number of workloads by type and status."""


def number_queued(workloads: WorkloadCounts) -> int:
    """Return how many workloads wait for resources."""
    return sum(number for (_, status), number in workloads.items() if status is QUEUED)


class PoolType(StrEnum):
    """What a pool is made of: nodes of its own, or a part of those of another pool."""

    PHYSICAL = "physical"
    LOGICAL = "logical"


class NodeState(StrEnum):
    """The states that the list of pools counts nodes by."""

    AVAILABLE = "available"
    ABNORMAL = "abnormal"
    CREATING = "creating"
    DELETING = "deleting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """
    A pool; `nodes` and `desired_nodes` are by flavor.

    `billing` is `pay_per_use`, `prepaid`, or empty if unknown. `created` is Unix time.
    A frozen pool cannot be used: a bill is not paid, or the police have it frozen.
    """

    pool_id: PoolId
    name: str
    type: PoolType
    parent: PoolId
    status: Status
    billing: str = ""
    frozen: bool = False
    created: float | None = None
    nodes: Mapping[NodeState, Mapping[str, int]]
    desired_nodes: Mapping[str, int]

    @property
    def flavors(self) -> list[str]:
        """The flavors of the nodes that exist or are desired."""
        flavors = dict.fromkeys(self.desired_nodes)
        for counts in self.nodes.values():
            flavors |= dict.fromkeys(counts)
        return list(flavors)


@dataclass(frozen=True, slots=True)
class Resources:
    """Cores, bytes of memory, and accelerators by the API's name; None if unknown."""

    cpu_cores: float | None
    memory_bytes: float | None
    accelerators: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Usage:
    """
    What the available nodes of a pool have, and what is allocated of it.

    `measured_at` is Unix time. `workloads` is None where the API does not report them
    with the usage, as on Open Telekom Cloud.
    """

    capacity: Resources
    allocated: Resources
    measured_at: float | None = None
    workloads: WorkloadCounts | None = None


class NamedUsage(NamedTuple):
    """A usage, and what its answer calls the pool: the ID, or names that people know."""

    names: tuple[str, ...]
    usage: Usage


@dataclass(frozen=True, slots=True)
class NodeUse:
    """
    The nodes of a pool: those that take work by flavor and free accelerators, and the
    number of locked ones by flavor.
    """

    free: Mapping[tuple[str, int], int]
    locked: Mapping[str, int]
