"""Answers about pools with any value anywhere become metrics, or are rejected."""

import json
import math

import pytest

from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.cloud.decoding import JsonError, decode_json
from exporter.collectors.alerts import Thresholds
from exporter.collectors.base import Reading
from exporter.collectors.pools import schema
from exporter.collectors.pools.answers import (
    matched,
    node_use_of,
    pools_of,
    usages_of,
    workloads_of,
)
from exporter.collectors.pools.metric_families import pool_families
from exporter.collectors.pools.snapshot import PoolSnapshot
from exporter.errors import CollectionError
from exporter.metrics.labels import Labels


FLAVORS = [{"flavor": "f", "count": 2}, {"flavor": "f", "count": "1"}]
USAGE = {
    "value": {"cpu": "1073m", "memory": "64Gi", "nvidia.com/gpu": 7.5, "pods": 110},
    "timestamp": "2026-11-21T20:00:00Z",
}
ANSWERS = {
    "pools": [
        {
            "metadata": {
                "name": name,
                "creationTimestamp": "2024-10-17T14:06:23Z",
                "labels": {"os.modelarts/name": "a", "os.modelarts/workspace.id": "0"},
                "annotations": {"os.modelarts/billing.mode": "0"},
            },
            "spec": {"type": "Dedicate", "resources": FLAVORS, "controlMode": 8},
            "status": {
                "phase": "Running",
                "parent": "",
                "resources": {"available": FLAVORS, "abnormal": FLAVORS[0]},
            },
        }
        for name in ("pool-a", "pool-b")
    ],
    "usage": [
        {
            "metadata": {"name": "pool-a"},
            "table": {
                "capacity": USAGE,
                "allocated": USAGE,
                "workload": {
                    "allocated": {"train": 1, "sum": 1},
                    "queue": {"train": "2", "warmUpTask": 0},
                },
            },
        }
    ],
    "statistics": {
        "items": [
            {"type": "train", "total": 3, "status": {"Queue": 2, "Completed": "1"}}
        ]
    },
    "nodes": [
        {
            "spec": {"flavor": "f"},
            "status": {
                "phase": "Available",
                "availableResources": {"cpu": "3920m", "nvidia.com/gpu": "8"},
                "taints": [{"effect": "PreferNoSchedule"}],
            },
        }
    ],
}
ANYTHING = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=12)
    | st.sampled_from(
        ["9Ti", "-1", "1e999", "9" * 400, "0001-01-01T00:00:00Z", "pool-b"]
    )
    | st.just([])
    | st.just({})
)


def paths(node, path=()):
    """Return the path of everything in a document."""
    children = {dict: dict.items, list: enumerate}.get(type(node), lambda _: ())(node)
    return [path] + [
        found for key, child in children for found in paths(child, (*path, key))
    ]


def replaced(node, path, value):
    """Return a document with another value at a path."""
    if not path:
        return value
    key, *rest = path
    changed = dict(node) if isinstance(node, dict) else list(node)
    changed[key] = replaced(node[key], rest, value)
    return changed


def snapshot_of(answers):
    """Return the snapshot made from the answers."""

    def decoded(decoder, **content):
        return decode_json(decoder, json.dumps(content).encode())

    pools = pools_of(decoded(schema.pool_list, items=answers["pools"]).items)
    usages = usages_of(decoded(schema.usage_list, items=answers["usage"]).items)
    found = decoded(schema.statistics, statistics=answers["statistics"]).statistics
    nodes = decoded(schema.node_list, items=answers["nodes"]).items
    usage = matched(usages, pools)
    counts = {pool_id: one.workloads for pool_id, one in usage.items() if one.workloads}
    if found is not None:
        counts = dict.fromkeys(pools, workloads_of(found)) | counts
    return PoolSnapshot(
        pools=pools,
        usage=usage,
        workloads=counts,
        nodes=dict.fromkeys(pools, node_use_of(nodes)),
    )


@settings(
    max_examples=examples(500), suppress_health_check=list(HealthCheck), deadline=None
)
@given(st.lists(st.tuples(st.sampled_from(paths(ANSWERS)), ANYTHING), max_size=3))
@pytest.mark.slow
def test_any_answer(changes):
    """No series is there twice, and every value is a plausible number."""
    answers = ANSWERS
    for path, value in changes:
        if path in paths(answers) and len(path) > 1:
            answers = replaced(answers, path, value)
    try:
        snapshot = snapshot_of(answers)
    except (JsonError, CollectionError):
        return

    reading = Reading(Labels(project="a", kind="pool", api_version="v2"), snapshot)
    found = [lines for family in pool_families([reading]) for lines in family.samples]
    samples = "".join(lines.text for lines in found).splitlines()
    series = [sample.rpartition(" ")[0] for sample in samples]
    values = [float(sample.rpartition(" ")[2]) for sample in samples]
    assert len(series) == len(set(series))
    assert all(math.isfinite(value) and value >= 0 for value in values)
    assert snapshot.number == len(snapshot.pools)
    assert all(part.title for part in snapshot.overview(0.0, Thresholds()).bars)


def test_unchanged_answers():
    """Unchanged answers export everything, summed over groups of a flavor."""
    snapshot = snapshot_of(ANSWERS)
    pool, usage = snapshot.pools["pool-a"], snapshot.usage["pool-a"]

    assert pool.desired_nodes == {"f": 3}
    assert pool.nodes["available"] == {"f": 3}
    assert pool.nodes["abnormal"] == {"f": 2}
    assert pool.frozen
    assert pool.billing == "pay_per_use"
    assert usage.capacity.cpu_cores == 1.073
    assert usage.capacity.accelerators == {"nvidia.com/gpu": 7.5}
    assert sum(snapshot.workloads["pool-a"].values()) == 3
    assert snapshot.nodes["pool-a"].free == {("f", 8): 1}
    assert snapshot.overview(0.0, Thresholds()).bars[0].title == "a"


def usage_item(name, label=None):
    """Return a usage item with this name."""
    labels = {"os.modelarts/name": label} if label else None
    return {"metadata": {"name": name, "labels": labels}}


def pool_item(pool_id, name):
    """Return a pool of the list."""
    labels = {"os.modelarts/name": name}
    return {"metadata": {"name": pool_id, "labels": labels}}


@pytest.mark.parametrize(
    ("usages", "expected"),
    [
        ([usage_item("pool-a", "one")], {"pool-a"}),
        ([usage_item("one")], {"pool-a"}),
        ([usage_item("os-node-1", "one")], {"pool-a"}),
        ([usage_item("twin")], set()),
        ([usage_item("os-node-1", "one"), usage_item("os-node-2", "one")], set()),
        # Of one of two pools with the same name.
        ([usage_item("pool-b", "twin")], {"pool-b"}),
        # The name of one pool is the ID of another.
        ([usage_item("pool-e")], {"pool-e"}),
        ([usage_item("unknown")], set()),
    ],
)
def test_which_pool_a_usage_belongs_to(usages, expected):
    """A usage belongs to the pool with its ID, or else to one with its name."""
    answers = ANSWERS | {
        "pools": [
            pool_item("pool-a", "one"),
            pool_item("pool-b", "twin"),
            pool_item("pool-c", "twin"),
            pool_item("pool-d", "pool-e"),
            pool_item("pool-e", "five"),
        ],
        "usage": usages,
    }

    assert set(snapshot_of(answers).usage) == expected
