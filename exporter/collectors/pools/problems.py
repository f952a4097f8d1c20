"""Finds what is wrong with a project's pools, by the thresholds of the alerts."""

from __future__ import annotations

from collections.abc import Iterator

from ..alerts import (
    POOL_FROZEN,
    POOL_FULL,
    POOL_NODES_ABNORMAL,
    POOL_NODES_MISSING,
    POOL_QUEUE_LONG,
    POOL_UNHEALTHY,
)
from ..overview import Problem
from ..phases import Phase
from ..spans import span
from .pool import NodeState, Pool, PoolType, Usage, WorkloadCounts, number_queued


def pool_problems(
    pool: Pool,
    usage: Usage | None,
    workloads: WorkloadCounts,
    queued_seconds: float | None,
) -> Iterator[Problem]:
    """Yield what is wrong; the oldest queued workload has waited `queued_seconds`."""
    name = pool.name
    if pool.frozen:
        yield Problem(POOL_FROZEN, f"{name} is frozen.")
    if pool.status.phase is Phase.FAILED:
        yield Problem(POOL_UNHEALTHY, f"{name} is {pool.status.name}.")
    if pool.type is PoolType.PHYSICAL:
        yield from _nodes(pool)
    queued = number_queued(workloads)
    if not queued:
        return
    used = _share_in_use(usage)
    if used is not None and used > POOL_FULL.threshold:
        words = f"{name} is full ({used:.0%} allocated), {queued} wait."
        yield Problem(POOL_FULL, words)
    if queued_seconds is not None and queued_seconds > POOL_QUEUE_LONG.threshold:
        words = f"a workload has been queued in {name} for {span(queued_seconds)}."
        yield Problem(POOL_QUEUE_LONG, words)


def _nodes(pool: Pool) -> Iterator[Problem]:
    available, abnormal = (
        sum(pool.nodes[state].values())
        for state in (NodeState.AVAILABLE, NodeState.ABNORMAL)
    )
    desired = sum(pool.desired_nodes.values())
    missing = desired - available - abnormal
    if abnormal > POOL_NODES_ABNORMAL.threshold:
        words = f"{abnormal} of the {desired} nodes of {pool.name} are abnormal."
        yield Problem(POOL_NODES_ABNORMAL, words)
    if missing > POOL_NODES_MISSING.threshold:
        words = f"{missing} of the {desired} nodes of {pool.name} are missing."
        yield Problem(POOL_NODES_MISSING, words)


def _share_in_use(usage: Usage | None) -> float | None:
    """Return the share of the scarcest accelerator, or of cores if there is none."""
    if usage is None:
        return None
    capacity, allocated = usage.capacity, usage.allocated
    shares = [
        allocated.accelerators[name] / number
        for name, number in capacity.accelerators.items()
        if number > 0 and name in allocated.accelerators
    ]
    if not shares and capacity.cpu_cores and allocated.cpu_cores is not None:
        shares = [allocated.cpu_cores / capacity.cpu_cores]
    return max(shares, default=None)
