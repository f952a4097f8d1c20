"""What one collection of a project's pools found out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ...errors import Failure
from ..overview import Overview, QuotaUse
from .pool import NodeState, NodeUse, Pool, PoolId, PoolType, Usage, WorkloadCounts


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

    def overview(self) -> Overview:
        """Return what the status page shows: each pool's accelerators, or its cores."""
        physical = [p for p in self.pools.values() if p.type is PoolType.PHYSICAL]
        shown = [use for pool in physical for use in self._use(pool)]
        return Overview(
            phases=Counter(pool.status.phase for pool in self.pools.values()),
            quotas=tuple(shown[:_MAX_SHOWN]),
            note=_note(physical),
        )

    def _use(self, pool: Pool) -> Iterator[QuotaUse]:
        usage = self.usage.get(pool.pool_id)
        if usage is None:
            return
        capacity, allocated = usage.capacity, usage.allocated
        if capacity.accelerators:
            for name, amount in capacity.accelerators.items():
                used = allocated.accelerators.get(name, 0.0)
                yield QuotaUse(f"{pool.name} {name}", used, amount)
        elif capacity.cpu_cores is not None and allocated.cpu_cores is not None:
            yield QuotaUse(
                f"{pool.name} cores", allocated.cpu_cores, capacity.cpu_cores
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


def _note(pools: Iterable[Pool]) -> str:
    desired = available = 0
    for pool in pools:
        desired += sum(pool.desired_nodes.values())
        available += sum(pool.nodes[NodeState.AVAILABLE].values())
    if available >= desired:
        return ""
    return f"{desired - available} of {desired} nodes are not available."
