"""Metric families of what running jobs hold: nodes and accelerators."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from ...metrics.family import Family
from ...metrics.labels import Labels
from ...metrics.samples import gauge
from .job import Resources
from .reading import Listed


def resource_families(listed: Listed) -> Iterator[Family]:
    """Yield the families of nodes, of accelerators, and of accelerators by user."""
    nodes: list[tuple[Labels, float]] = []
    accelerators: list[tuple[Labels, float]] = []
    users: list[tuple[Labels, float]] = []
    for target, listing in listed:
        groups: defaultdict[tuple[str, str, str], list[Resources]] = defaultdict(list)
        for each in listing.resources:
            groups[each.flavor, each.accelerator, each.pool].append(each)
        for (flavor, accelerator, pool), members in sorted(groups.items()):
            labels = target.project.plus(
                flavor=flavor, accelerator=accelerator, pool=pool
            )
            nodes.append((labels, float(sum(each.nodes for each in members))))
            held = [
                each.nodes * each.units for each in members if each.units is not None
            ]
            if held:
                accelerators.append((labels, float(sum(held))))
        if listing.shows_users:
            users += [
                (target.project.plus(user=user, accelerator=accelerator), number)
                for (user, accelerator), number in _by_user(listing.resources)
            ]
    yield gauge(
        "modelarts_active_nodes",
        "Nodes in use by running training jobs (v2: node_count).",
        nodes,
    )
    yield gauge(
        "modelarts_active_accelerators",
        "GPUs or NPUs in use by running training jobs (v2).",
        accelerators,
    )
    yield gauge(
        "modelarts_user_accelerators",
        "GPUs or NPUs in use by a user's running training jobs, if user_series is true.",
        users,
    )


def _by_user(
    resources: tuple[Resources, ...],
) -> Iterator[tuple[tuple[str, str], float]]:
    held: defaultdict[tuple[str, str], float] = defaultdict(float)
    for each in resources:
        if each.user and each.units:
            held[each.user, each.accelerator] += each.nodes * each.units
    yield from sorted(held.items())
