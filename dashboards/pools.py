"""The dashboard of resource pools: capacity, allocation, queues, nodes and idle money."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import dashboard
from looks import Column, Kind
from now import PROJECT_COLUMN, add_alerts, add_exporter, add_stat
from panels import QUOTA_STEPS, Layout, Panel, Query
from pool_nodes import add_nodes
from pool_queries import (
    ALLOCATED,
    AVAILABLE,
    CAPACITY,
    CHOSEN,
    COST_OF_FREE,
    DESIRED,
    FAILED,
    NAMED,
    NO_POOLS,
    PHYSICAL,
    QUEUED,
)
from queries import LATEST, ON_POOL, PROJECT, of_projects
from variables import new_dashboard, variable, with_projects


UID: Final = "modelarts-pools"

_WIDE: Final = ("Nodes not available", "Unhealthy pools", "Free, an hour")


def pools() -> dashboard.Dashboard:
    """Return the dashboard."""
    builder = with_projects(
        new_dashboard(
            UID,
            "ModelArts / Pools",
            "Dedicated resource pools: what they have, what is allocated, who waits, which "
            "nodes are missing, and what unused nodes cost.",
            "modelarts_pools",
        )
    ).with_variable(
        variable("pool", f"modelarts_pool_info{{{PROJECT}}}", label="pool_name")
    )
    layout = Layout(builder)
    _now(layout)
    _use(layout)
    add_nodes(layout)
    _holders(layout)
    return builder


def _now(layout: Layout) -> None:
    layout.row("Now")
    add_exporter(layout)
    for title, description, expr, unit, steps in (
        (
            "Accelerators",
            "GPUs and NPUs that the available nodes of physical pools have.",
            f"sum({CAPACITY} {PHYSICAL})",
            "none",
            (("blue", None),),
        ),
        (
            "Allocated",
            "Share of them that workloads hold.",
            f"sum({ALLOCATED} {PHYSICAL}) / (sum({CAPACITY} {PHYSICAL}) > 0)",
            "percentunit",
            (("blue", None),),
        ),
        (
            "Queued",
            "Workloads that wait for resources, in all pools.",
            f"sum({QUEUED} {NAMED})",
            "none",
            (("green", None), ("yellow", 1.0)),
        ),
        (
            "Nodes not available",
            "Nodes that were ordered for physical pools and are not available.",
            f"sum({DESIRED} {PHYSICAL}) - sum({AVAILABLE} {PHYSICAL})",
            "none",
            (("green", None), ("orange", 1.0)),
        ),
        (
            "Unhealthy pools",
            "Pools with a status of phase failed, and frozen ones.",
            f"sum({FAILED} {NAMED} or {of_projects('modelarts_pool_frozen')} {NAMED})",
            "none",
            (("green", None), ("red", 1.0)),
        ),
        (
            "Free, an hour",
            "Available nodes times their price and free share. Needs prices configured.",
            f"sum by (currency) ({COST_OF_FREE})",
            "none",
            (("green", None),),
        ),
    ):
        add_stat(
            layout,
            title,
            description,
            expr,
            unit=unit,
            steps=steps,
            no_value=NO_POOLS,
            legend="{{currency}}" if "currency" in expr else "",
            width=4 if title in _WIDE else 3,
        )
    add_alerts(layout, "$project|")
    layout.add(
        Panel(
            title="Pools",
            description="Status, type and billing of each pool.",
            queries=[
                Query(
                    expr=f"{LATEST} (modelarts_pool_status{{{PROJECT}}}) * {ON_POOL} group_left (pool_name, type, billing) {LATEST} (modelarts_pool_info{{{CHOSEN}}})",
                )
            ],
            kind=Kind.TABLE,
            no_value=NO_POOLS,
            columns=[
                PROJECT_COLUMN,
                Column("pool_name", "Pool"),
                Column("status", "Status"),
                Column("type", "Type"),
                Column("billing", "Billing"),
                Column("pool", "ID"),
            ],
            sort_by="Pool",
            ascending=True,
        ),
        24,
        6,
    )


def _use(layout: Layout) -> None:
    layout.row("Use and queue")
    layout.add(
        Panel(
            title="Accelerators by pool",
            description="What each pool has, and what is allocated of it. A logical pool is "
            "a part of another one.",
            queries=[
                Query(
                    expr=f"sum by (project, pool_name) ({ALLOCATED} {NAMED})",
                    legend="{{pool_name}}: allocated",
                ),
                Query(
                    expr=f"sum by (project, pool_name) ({CAPACITY} {NAMED})",
                    legend="{{pool_name}}: capacity",
                ),
            ],
            legend_on_the_right=True,
            no_value=NO_POOLS,
        ),
        12,
        9,
    )
    layout.add(
        Panel(
            title="Allocated share by pool",
            description="Allocated accelerators as a share of those that each pool has now.",
            queries=[
                Query(
                    expr=f"sum by (project, pool_name) ({ALLOCATED} {NAMED}) / (sum by (project, pool_name) ({CAPACITY} {NAMED}) > 0)",
                    legend="{{pool_name}}",
                )
            ],
            unit="percentunit",
            kind=Kind.BARGAUGE,
            no_value=NO_POOLS,
            steps=QUOTA_STEPS,
            maximum=1.0,
        ),
        6,
        9,
    )
    layout.add(
        Panel(
            title="Free accelerators",
            description="Capacity less allocation, by kind of accelerator, in physical pools.",
            queries=[
                Query(
                    expr=f"sum by (accelerator) (({CAPACITY} - {ALLOCATED}) {PHYSICAL})",
                    legend="{{accelerator}}",
                )
            ],
            no_value=NO_POOLS,
        ),
        6,
        9,
    )
    layout.add(
        Panel(
            title="Queued workloads",
            description="Workloads that wait for resources, by pool and type.",
            queries=[
                Query(
                    expr=f"sum by (project, pool_name, type) ({QUEUED} {NAMED}) > 0",
                    legend="{{pool_name}} {{type}}",
                )
            ],
            kind=Kind.STACK,
            no_value="Nothing is queued.",
        ),
        12,
        8,
    )
    layout.add(
        Panel(
            title="Longest wait",
            description="How long the oldest queued workload of each pool has waited.",
            queries=[
                Query(
                    expr=f"time() - min by (project, pool_name) ({of_projects('modelarts_pool_oldest_queued_timestamp_seconds')} {NAMED})",
                    legend="{{pool_name}}",
                )
            ],
            unit="s",
            no_value="Nothing is queued.",
        ),
        6,
        8,
    )
    layout.add(
        Panel(
            title="Cost of what is free",
            description="By pool, an hour: price of the available nodes times the free share "
            "of their accelerators. Needs prices in the exporter's configuration.",
            queries=[
                Query(
                    expr=f"sum by (project, pool_name, currency) ({COST_OF_FREE})",
                    legend="{{pool_name}} {{currency}}",
                )
            ],
            kind=Kind.STACK,
            no_value="No data: no prices are configured, or there are no pools.",
        ),
        6,
        8,
    )


def _holders(layout: Layout) -> None:
    layout.row("Who holds them")
    layout.add(
        Panel(
            title="Accelerators of training jobs",
            description="Accelerators that running training jobs hold in pools, by project. "
            "Only the v2 API reports them.",
            queries=[
                Query(
                    expr=f"sum by (project, pool_name) ({LATEST} (modelarts_active_accelerators{{{PROJECT}}}) {NAMED})",
                    legend="{{project}}: {{pool_name}}",
                )
            ],
            kind=Kind.STACK,
            no_value="No data: no training job runs in a pool, or v1 lists them.",
        ),
        12,
        9,
    )
    layout.add(
        Panel(
            title="Running workloads",
            description="Training jobs, notebooks and services in pools.",
            queries=[
                Query(
                    expr=f'sum by (type) ({LATEST} (modelarts_pool_workloads{{{PROJECT}, status="running"}}) {PHYSICAL})',
                    legend="{{type}}",
                )
            ],
            kind=Kind.STACK,
            no_value=NO_POOLS,
        ),
        12,
        9,
    )
