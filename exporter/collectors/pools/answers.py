"""Makes pools, usage, workloads and nodes of the API's answers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from ..numbers import to_int, to_limit, to_unix_time
from ..statuses import Status
from ..texts import label_word, plain
from .pool import (
    NamedUsage,
    NodeState,
    NodeUse,
    Pool,
    PoolId,
    PoolType,
    Resources,
    Usage,
    WorkloadCounts,
)
from .quantities import to_quantity
from .schema import (
    Amounts,
    Labels,
    Measurement,
    Metadata,
    NodeCounts,
    NodeItem,
    NodesByState,
    PoolItem,
    PoolSpec,
    PoolState,
    Statistics,
    UsageItem,
    UsageTable,
    WorkloadNumbers,
)
from .statuses import POOL_STATUSES, QUEUED, RUNNING, WORKLOAD_STATUSES


_BILLING: Final = {0: "pay_per_use", 1: "prepaid"}

_FROZEN: Final = 8 | 16
"""Bits of `controlMode`: frozen, and frozen by the police."""

_NO_ACCELERATORS: Final = ("cpu", "memory", "ephemeral-storage", "pods", "hugepages-")
"""How other kinds of resources begin."""

_SUM: Final = "sum"
_AVAILABLE_NODE: Final = "available"
_LOCKS: Final = {"noschedule", "noexecute"}


def pools_of(items: Iterable[PoolItem]) -> dict[PoolId, Pool]:
    """Return pools by their IDs. Raises `CollectionError`."""
    found = map(_pool, items)
    return {pool.pool_id: pool for pool in found}


def _pool(item: PoolItem) -> Pool:
    spec, state = item.spec or PoolSpec(), item.status or PoolState()
    labels = item.metadata.labels or Labels()
    annotations = item.metadata.annotations
    resources = state.resources or NodesByState()
    is_logical = bool(state.parent) or (spec.type or "").lower() == "logical"
    billing = to_int(annotations.billing_mode, "billing.mode") if annotations else None
    return Pool(
        pool_id=plain(item.metadata.name),
        name=plain(labels.name or item.metadata.name),
        type=PoolType.LOGICAL if is_logical else PoolType.PHYSICAL,
        parent=plain(state.parent or ""),
        status=POOL_STATUSES.of(state.phase),
        billing="" if billing is None else _BILLING.get(billing, ""),
        frozen=bool((to_limit(spec.control_mode, "controlMode") or 0) & _FROZEN),
        created=to_unix_time(item.metadata.created),
        nodes={
            NodeState.AVAILABLE: _by_flavor(resources.available),
            NodeState.ABNORMAL: _by_flavor(resources.abnormal),
            NodeState.CREATING: _by_flavor(resources.creating),
            NodeState.DELETING: _by_flavor(resources.deleting),
        },
        desired_nodes=_by_flavor(spec.resources),
    )


def _by_flavor(counts: NodeCounts) -> Mapping[str, int]:
    if counts is None:
        return {}
    found: Counter[str] = Counter()
    # A flavor can be there several times, once for each group of nodes.
    for one in counts if isinstance(counts, list) else [counts]:
        number = to_limit(one.count, "count")
        if one.flavor is not None and number is not None:
            found[plain(one.flavor)] += number
    return found


def usages_of(items: Iterable[UsageItem]) -> list[NamedUsage]:
    """Return usages with what the answer calls the pools. Raises `CollectionError`."""
    return [NamedUsage(_names(item.metadata), _usage(item)) for item in items]


def _names(metadata: Metadata) -> tuple[str, ...]:
    label = metadata.labels.name if metadata.labels else None
    return tuple(dict.fromkeys(map(plain, filter(None, (metadata.name, label)))))


def matched(
    usages: Iterable[NamedUsage], pools: Mapping[PoolId, Pool]
) -> dict[PoolId, Usage]:
    """
    Return the usage of `pools`, matched by their IDs, else by the names people know.

    A name that several pools or usages have matches none.
    """
    found: dict[PoolId, Usage] = {}
    by_name: defaultdict[str, list[Usage]] = defaultdict(list)
    for names, usage in usages:
        if names[0] in pools:
            found[names[0]] = usage
        else:
            for name in names:
                by_name[name].append(usage)
    numbers = Counter(pool.name for pool in pools.values())
    for pool in pools.values():
        if numbers[pool.name] == 1 and len(by_name[pool.name]) == 1:
            found.setdefault(pool.pool_id, by_name[pool.name][0])
    return found


def _usage(item: UsageItem) -> Usage:
    table = item.table or UsageTable()
    capacity, allocated = table.capacity, table.allocated
    measured = [
        time
        for part in (capacity, allocated)
        if part and (time := to_unix_time(part.timestamp)) is not None
    ]
    return Usage(
        _resources(capacity),
        _resources(allocated),
        min(measured, default=None),
        _workloads_in_use(table.workload),
    )


def _resources(part: Measurement | None) -> Resources:
    amounts = part.value or {} if part else {}
    return Resources(
        to_quantity(amounts.get("cpu"), "cpu"),
        to_quantity(amounts.get("memory"), "memory"),
        _accelerators(amounts),
    )


def _accelerators(amounts: Amounts) -> dict[str, float]:
    found = {
        plain(name): to_quantity(amount, "accelerators")
        for name, amount in amounts.items()
        if not name.startswith(_NO_ACCELERATORS)
    }
    return {name: amount for name, amount in found.items() if amount is not None}


def _workloads_in_use(numbers: WorkloadNumbers | None) -> WorkloadCounts | None:
    if numbers is None or numbers.queue is None:
        return None
    found: Counter[tuple[str, Status]] = Counter()
    for status, amounts in (
        (RUNNING, numbers.allocated or {}),
        (QUEUED, numbers.queue),
    ):
        for of_type, number in amounts.items():
            if of_type != _SUM:
                found[label_word(of_type), status] += to_limit(number, "workload") or 0
    return found


def workloads_of(statistics: Statistics) -> WorkloadCounts:
    """Return the number of workloads by type and status. Raises `CollectionError`."""
    found: Counter[tuple[str, Status]] = Counter()
    for item in statistics.items or []:
        of_type = label_word(item.type or "")
        for status, number in (item.status or {}).items():
            found[of_type, WORKLOAD_STATUSES.of(status)] += (
                to_limit(number, status) or 0
            )
    return found


def node_use_of(nodes: Iterable[NodeItem]) -> NodeUse:
    """
    Return the use of nodes, of which only available ones that are not locked take work.

    Nodes without accelerators are left out. Raises `CollectionError`.
    """
    free: Counter[tuple[str, int]] = Counter()
    locked: Counter[str] = Counter()
    for node in nodes:
        state = node.status
        flavor = plain(node.spec.flavor or "") if node.spec else ""
        if state is None or (state.phase or "").lower() != _AVAILABLE_NODE:
            continue
        accelerators = _accelerators(state.available_resources or {})
        if any((taint.effect or "").lower() in _LOCKS for taint in state.taints or []):
            locked[flavor] += 1
        elif accelerators:
            # A part of an accelerator is not free for a job that takes a whole one.
            free[flavor, int(sum(accelerators.values()))] += 1
    return NodeUse(free, locked)
