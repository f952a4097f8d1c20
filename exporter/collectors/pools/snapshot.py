"""What one collection of a project's pools found out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ...errors import Failure
from ..alerts import Thresholds
from ..overview import Bar, BarPart, Overview, Problem
from ..phases import Phase
from .pool import NodeState, NodeUse, Pool, PoolId, PoolType, Usage, WorkloadCounts
from .problems import pool_problems


_MAX_SHOWN: Final = 20
"""Pools on the status page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSnapshot:
    """
    A project's pools, and what is known beside the list of them.

    `oldest_queued` are Unix times; only pools with a queue have one. `nodes` is there
    only if it was asked for. `partial_failures` say why something is missing.
    """

    pools: Mapping[PoolId, Pool]
    usage: Mapping[PoolId, Usage] = field(default_factory=dict)
    workloads: Mapping[PoolId, WorkloadCounts] = field(default_factory=dict)
    oldest_queued: Mapping[PoolId, float] = field(default_factory=dict)
    nodes: Mapping[PoolId, NodeUse] = field(default_factory=dict)
    partial_failures: tuple[Failure, ...] = ()

    @property
    def number(self) -> int:
        """The number of pools."""
        return len(self.pools)

    def overview(self, now: float, thresholds: Thresholds) -> Overview:
        """Return what the status page shows: of each physical pool, what is in use."""
        physical = [p for p in self.pools.values() if p.type is PoolType.PHYSICAL]
        bars = [_bar(pool, self.usage.get(pool.pool_id)) for pool in physical]
        return Overview(
            phases=Counter(pool.status.phase for pool in self.pools.values()),
            bars=tuple(bar for bar in bars[:_MAX_SHOWN] if bar is not None),
            problems=tuple(self._problems(now)),
            note=_note(physical),
        )

    def _problems(self, now: float) -> Iterator[Problem]:
        for pool_id, pool in self.pools.items():
            oldest = self.oldest_queued.get(pool_id)
            yield from pool_problems(
                pool,
                self.usage.get(pool_id),
                self.workloads.get(pool_id, {}),
                None if oldest is None else now - oldest,
            )


@dataclass(slots=True)
class PartialResult:
    """The pools, and what has been answered beside the list of them."""

    pools: Mapping[PoolId, Pool]
    usage: dict[PoolId, Usage] = field(default_factory=dict)
    workloads: dict[PoolId, WorkloadCounts] = field(default_factory=dict)
    oldest_queued: dict[PoolId, float] = field(default_factory=dict)
    nodes: dict[PoolId, NodeUse] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    """By part, the first of each: 200 pools fail for one reason."""

    def frozen(self, partial_failures: Iterable[Failure]) -> PoolSnapshot:
        """Return what is known now; `partial_failures` say why the rest is missing."""
        return PoolSnapshot(
            pools=self.pools,
            usage=dict(self.usage),
            workloads=dict(self.workloads),
            oldest_queued=dict(self.oldest_queued),
            nodes=dict(self.nodes),
            partial_failures=(*self.failures.values(), *partial_failures),
        )


def _bar(pool: Pool, usage: Usage | None) -> Bar | None:
    """Return the accelerators of a pool, or its cores if it has none."""
    if usage is None:
        return None
    capacity = sum(usage.capacity.accelerators.values())
    allocated = sum(usage.allocated.accelerators.values())
    unit = "accelerators"
    if not capacity:
        capacity = usage.capacity.cpu_cores or 0.0
        allocated = usage.allocated.cpu_cores or 0.0
        unit = "cores"
    nodes = sum(pool.nodes[NodeState.AVAILABLE].values())
    missing = capacity / nodes * _missing_nodes([pool]) if nodes else 0.0
    parts = (
        BarPart(f"{unit} allocated", Phase.RUNNING, allocated),
        BarPart("free", Phase.SUCCEEDED, capacity - allocated),
        BarPart("missing", Phase.FAILED, missing),
    )
    return Bar(pool.name, parts)


def _missing_nodes(pools: Iterable[Pool]) -> int:
    """Return how many nodes were ordered and are not available."""
    return sum(
        max(0, desired - pool.nodes[NodeState.AVAILABLE].get(flavor, 0))
        for pool in pools
        for flavor, desired in pool.desired_nodes.items()
    )


def _note(pools: Sequence[Pool]) -> str:
    missing = _missing_nodes(pools)
    if not missing:
        return ""
    desired = sum(sum(pool.desired_nodes.values()) for pool in pools)
    return f"{missing} of {desired} nodes are not available."
