"""Metric families of pools. Unknown values have no sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias, TypeVar

from ...metrics.family import Family
from ...metrics.labels import Labels
from ...metrics.samples import gauge, known
from ..base import Reading
from ..readings import by_project
from ..statuses import Status
from .pool import PoolId, PoolType, Resources, Usage, WorkloadCounts
from .snapshot import PoolSnapshot
from .statuses import POOL_STATUSES, QUEUED, RUNNING


T = TypeVar("T")

Samples: TypeAlias = Iterator[tuple[Labels, float]]
Listed: TypeAlias = Sequence[tuple[Labels, PoolSnapshot]]

_TRAINING = "train"


def pool_families(readings: Sequence[Reading]) -> Iterator[Family]:
    """Yield the families of pools."""
    listed = by_project(readings, PoolSnapshot)
    yield gauge(
        "modelarts_pools",
        "Number of resource pools, by the API's status and the phase it belongs to.",
        _numbers(listed),
    )
    yield from _pools(listed)
    yield from _usage(listed)
    yield from _workloads(listed)
    yield from _nodes(listed)


def _numbers(listed: Listed) -> Samples:
    for project, snapshot in listed:
        # Always there, so that none is a number, too.
        numbers = Counter({(PoolType.PHYSICAL, POOL_STATUSES.of("running")): 0})
        numbers.update((pool.type, pool.status) for pool in snapshot.pools.values())
        for (of_type, status), number in numbers.items():
            yield _with_status(project.plus(type=of_type), status), float(number)


def _pools(listed: Listed) -> Iterator[Family]:
    pools = [
        (project.plus(pool=pool.pool_id), pool)
        for project, snapshot in listed
        for pool in snapshot.pools.values()
    ]
    yield gauge(
        "modelarts_pool_info",
        "1; a pool's name, type, billing and parent.",
        [
            (
                labels.plus(
                    pool_name=pool.name,
                    type=pool.type,
                    billing=pool.billing,
                    parent=pool.parent,
                ),
                1.0,
            )
            for labels, pool in pools
        ],
    )
    yield gauge(
        "modelarts_pool_status",
        "1 for the status that a pool has, with its phase.",
        [(_with_status(labels, pool.status), 1.0) for labels, pool in pools],
    )
    yield gauge(
        "modelarts_pool_nodes",
        "Number of a pool's nodes, by flavor and state.",
        [
            (labels.plus(flavor=flavor, state=state), float(counts.get(flavor, 0)))
            for labels, pool in pools
            for state, counts in pool.nodes.items()
            for flavor in pool.flavors
        ],
    )
    yield gauge(
        "modelarts_pool_desired_nodes",
        "Number of nodes that were ordered for a pool, by flavor.",
        [
            (labels.plus(flavor=flavor), float(number))
            for labels, pool in pools
            for flavor, number in pool.desired_nodes.items()
        ],
    )
    yield gauge(
        "modelarts_pool_frozen",
        "1 if a pool is frozen, as for an unpaid bill, else 0.",
        [(labels, float(pool.frozen)) for labels, pool in pools],
    )
    yield gauge(
        "modelarts_pool_created_timestamp_seconds",
        "When a pool was created, in Unix time.",
        known((labels, pool.created) for labels, pool in pools),
    )


def _usage(listed: Listed) -> Iterator[Family]:
    usages = [*_of_pools(listed, lambda snapshot: snapshot.usage)]
    for part, words, resources_of in _PARTS:
        resources = [(labels, resources_of(usage)) for labels, usage in usages]
        yield gauge(
            f"modelarts_pool_{part}_cpu_cores",
            f"CPU cores {words}.",
            known((labels, found.cpu_cores) for labels, found in resources),
        )
        yield gauge(
            f"modelarts_pool_{part}_memory_bytes",
            f"Memory {words}.",
            known((labels, found.memory_bytes) for labels, found in resources),
        )
        yield gauge(
            f"modelarts_pool_{part}_accelerators",
            f"GPUs or NPUs {words}; fractions where they are shared.",
            [
                (labels.plus(accelerator=name), amount)
                for labels, found in resources
                for name, amount in found.accelerators.items()
            ],
        )
    yield gauge(
        "modelarts_pool_usage_timestamp_seconds",
        "When the cloud measured a pool's capacity and allocation, in Unix time.",
        known((labels, usage.measured_at) for labels, usage in usages),
    )


def _workloads(listed: Listed) -> Iterator[Family]:
    yield gauge(
        "modelarts_pool_workloads",
        "Number of a pool's workloads, by type and status.",
        [
            (_with_status(labels.plus(type=of_type), status), float(number))
            for labels, counts in _of_pools(listed, lambda found: found.workloads)
            for (of_type, status), number in _shown(counts).items()
        ],
    )
    yield gauge(
        "modelarts_pool_oldest_queued_timestamp_seconds",
        "When the oldest of the workloads that wait in a pool was created, in Unix time.",
        _of_pools(listed, lambda snapshot: snapshot.oldest_queued),
    )


def _nodes(listed: Listed) -> Iterator[Family]:
    nodes = [*_of_pools(listed, lambda snapshot: snapshot.nodes)]
    yield gauge(
        "modelarts_pool_nodes_by_free_accelerators",
        "Number of a pool's nodes that take work, by flavor and free accelerators.",
        [
            (labels.plus(flavor=flavor, free=str(free)), float(number))
            for labels, found in nodes
            for (flavor, free), number in found.free.items()
        ],
    )
    yield gauge(
        "modelarts_pool_locked_nodes",
        "Number of a pool's available nodes that take no new work, by flavor.",
        [
            (labels.plus(flavor=flavor), float(number))
            for labels, found in nodes
            for flavor, number in found.locked.items()
        ],
    )


def _of_pools(
    listed: Listed, values_of: Callable[[PoolSnapshot], Mapping[PoolId, T]]
) -> Iterator[tuple[Labels, T]]:
    for project, snapshot in listed:
        for pool_id, value in values_of(snapshot).items():
            yield project.plus(pool=pool_id), value


def _shown(counts: WorkloadCounts) -> Mapping[tuple[str, Status], int]:
    """Return what is not zero, and for each type, as for training, two that may be."""
    found = {key: number for key, number in counts.items() if number}
    types = dict.fromkeys((_TRAINING, *(of_type for of_type, _ in found)))
    zeros = {(one, status): 0 for one in types for status in (QUEUED, RUNNING)}
    return zeros | found


def _with_status(labels: Labels, status: Status) -> Labels:
    return labels.plus(status=status.name, phase=status.phase)


def _capacity(usage: Usage) -> Resources:
    return usage.capacity


def _allocated(usage: Usage) -> Resources:
    return usage.allocated


_PARTS: tuple[tuple[str, str, Callable[[Usage], Resources]], ...] = (
    ("capacity", "that a pool's available nodes have", _capacity),
    ("allocated", "allocated to a pool's workloads", _allocated),
)
