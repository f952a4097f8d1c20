"""The dashboard of resource pools: capacity, allocation, queues, nodes and idle money."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import dashboard
from panels import (
    EXPORTER,
    PROJECT,
    QUOTA_STEPS,
    Layout,
    Panel,
    Query,
    new_dashboard,
    variable,
    with_projects,
)


UID: Final = "modelarts-pools"

NO_POOLS: Final = "No data: the collector pools is not configured, or there are none."

_ON: Final = "on (job, instance, project, pool)"
_INFO: Final = f'{PROJECT}, pool_name=~"$pool"'
NAMED: Final = f"* {_ON} group_left (pool_name) modelarts_pool_info{{{_INFO}}}"
"""Gives the series of chosen pools the names that people know."""

PHYSICAL: Final = (
    f'* {_ON} group_left (pool_name) modelarts_pool_info{{{_INFO}, type="physical"}}'
)
"""The same of physical pools alone: the others are parts of them."""

_CAPACITY: Final = f"modelarts_pool_capacity_accelerators{{{PROJECT}}}"
_ALLOCATED: Final = f"modelarts_pool_allocated_accelerators{{{PROJECT}}}"
_AVAILABLE: Final = f'modelarts_pool_nodes{{{PROJECT}, state="available"}}'
_DESIRED: Final = f"modelarts_pool_desired_nodes{{{PROJECT}}}"
_QUEUED: Final = f'modelarts_pool_workloads{{{PROJECT}, status="queue"}}'
_FREE_SHARE: Final = (
    f"(1 - sum by (job, instance, project, pool) ({_ALLOCATED}) "
    f"/ (sum by (job, instance, project, pool) ({_CAPACITY}) > 0))"
)
_PRICE: Final = (
    f"max by (flavor, currency) (modelarts_flavor_price_per_hour{{{EXPORTER}}})"
)
_COST_OF_FREE: Final = (
    f"{_AVAILABLE} * on (flavor) group_left (currency) {_PRICE} "
    f"* {_ON} group_left () {_FREE_SHARE} {PHYSICAL}"
)


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
        variable("pool", f"label_values(modelarts_pool_info{{{PROJECT}}}, pool_name)")
    )
    layout = Layout(builder)
    _now(layout)
    _use(layout)
    _nodes(layout)
    _holders(layout)
    return builder


def _now(layout: Layout) -> None:
    layout.row("Now")
    for title, description, expr, unit, steps in (
        (
            "Accelerators",
            "GPUs and NPUs that the available nodes of physical pools have.",
            f"sum({_CAPACITY} {PHYSICAL})",
            "short",
            (("blue", None),),
        ),
        (
            "Allocated",
            "Share of them that workloads hold.",
            f"sum({_ALLOCATED} {PHYSICAL}) / (sum({_CAPACITY} {PHYSICAL}) > 0)",
            "percentunit",
            (("blue", None),),
        ),
        (
            "Queued",
            "Workloads that wait for resources, in all pools.",
            f"sum({_QUEUED} {NAMED})",
            "short",
            (("green", None), ("yellow", 1.0)),
        ),
        (
            "Nodes not available",
            "Nodes that were ordered for physical pools and are not available.",
            f"sum({_DESIRED} {PHYSICAL}) - sum({_AVAILABLE} {PHYSICAL})",
            "short",
            (("green", None), ("orange", 1.0)),
        ),
        (
            "Unhealthy pools",
            "Pools with a status of phase failed, and frozen ones.",
            f'sum(modelarts_pool_status{{{PROJECT}, phase="failed"}} {NAMED} or modelarts_pool_frozen{{{PROJECT}}} {NAMED})',
            "short",
            (("green", None), ("red", 1.0)),
        ),
        (
            "Cost of what is free, an hour",
            "Available nodes times their price and free share. Needs prices configured.",
            f"sum by (currency) ({_COST_OF_FREE})",
            "short",
            (("green", None),),
        ),
    ):
        layout.add(
            Panel(
                title=title,
                description=description,
                queries=[Query(expr=expr, legend="{{currency}}")],
                unit=unit,
                kind="stat",
                no_value=NO_POOLS,
                steps=steps,
            ),
            4,
            4,
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
                    expr=f"sum by (project, pool_name) ({_ALLOCATED} {NAMED})",
                    legend="{{pool_name}}: allocated",
                ),
                Query(
                    expr=f"sum by (project, pool_name) ({_CAPACITY} {NAMED})",
                    legend="{{pool_name}}: capacity",
                ),
            ],
            unit="short",
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
                    expr=f"sum by (project, pool_name) ({_ALLOCATED} {NAMED}) / (sum by (project, pool_name) ({_CAPACITY} {NAMED}) > 0)",
                    legend="{{pool_name}}",
                    instant=True,
                )
            ],
            unit="percentunit",
            kind="bargauge",
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
                    expr=f"sum by (accelerator) (({_CAPACITY} - {_ALLOCATED}) {PHYSICAL})",
                    legend="{{accelerator}}",
                )
            ],
            unit="short",
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
                    expr=f"sum by (project, pool_name, type) ({_QUEUED} {NAMED}) > 0",
                    legend="{{pool_name}} {{type}}",
                )
            ],
            unit="short",
            stacked=True,
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
                    expr=f"time() - min by (project, pool_name) (modelarts_pool_oldest_queued_timestamp_seconds{{{PROJECT}}} {NAMED})",
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
                    expr=f"sum by (project, pool_name, currency) ({_COST_OF_FREE})",
                    legend="{{pool_name}} {{currency}}",
                )
            ],
            unit="short",
            stacked=True,
            no_value="No data: no prices are configured, or there are no pools.",
        ),
        6,
        8,
    )


def _nodes(layout: Layout) -> None:
    layout.row("Nodes")
    layout.add(
        Panel(
            title="Nodes by state",
            description="Nodes of physical pools.",
            queries=[
                Query(
                    expr=f"sum by (state) (modelarts_pool_nodes{{{PROJECT}}} {PHYSICAL})",
                    legend="{{state}}",
                )
            ],
            unit="short",
            stacked=True,
            no_value=NO_POOLS,
        ),
        8,
        8,
    )
    layout.add(
        Panel(
            title="Nodes that are missing or abnormal",
            description="By physical pool: abnormal nodes, and those that were ordered and "
            "are neither available nor abnormal.",
            queries=[
                Query(
                    expr=f'sum by (project, pool_name) (modelarts_pool_nodes{{{PROJECT}, state="abnormal"}} {PHYSICAL}) > 0',
                    legend="{{pool_name}}: abnormal",
                ),
                Query(
                    expr=f'sum by (project, pool_name) ({_DESIRED} {PHYSICAL}) - sum by (project, pool_name) (modelarts_pool_nodes{{{PROJECT}, state=~"available|abnormal"}} {PHYSICAL}) > 0',
                    legend="{{pool_name}}: missing",
                ),
            ],
            unit="short",
            no_value="All nodes that were ordered are available.",
        ),
        8,
        8,
    )
    layout.add(
        Panel(
            title="Nodes by free accelerators",
            description="How many nodes have so many free accelerators: many nodes with few "
            "each take no large work. Needs pool_nodes in the exporter's configuration.",
            queries=[
                Query(
                    expr=f"sum by (free) (modelarts_pool_nodes_by_free_accelerators{{{PROJECT}}} {PHYSICAL})",
                    legend="{{free}} free",
                    instant=True,
                )
            ],
            unit="short",
            kind="bargauge",
            no_value="No data: pool_nodes is not enabled, or there are no pools.",
        ),
        8,
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
                    expr=f'sum by (project, pool) (modelarts_active_accelerators{{{PROJECT}, pool!=""}})',
                    legend="{{project}} {{pool}}",
                )
            ],
            unit="short",
            stacked=True,
            no_value="No data: no training job runs in a pool, or v1 lists them.",
        ),
        8,
        8,
    )
    layout.add(
        Panel(
            title="Running workloads",
            description="Training jobs, notebooks and services in pools.",
            queries=[
                Query(
                    expr=f'sum by (type) (modelarts_pool_workloads{{{PROJECT}, status="running"}} {PHYSICAL})',
                    legend="{{type}}",
                )
            ],
            unit="short",
            stacked=True,
            no_value=NO_POOLS,
        ),
        8,
        8,
    )
    layout.add(
        Panel(
            title="Pools",
            description="Status, type and billing of each pool.",
            queries=[
                Query(
                    expr=f"modelarts_pool_status{{{PROJECT}}} * {_ON} group_left (pool_name, type, billing) modelarts_pool_info{{{_INFO}}}",
                    instant=True,
                    is_table=True,
                )
            ],
            unit="short",
            kind="table",
            no_value=NO_POOLS,
            columns=[
                ("project", "Project", ""),
                ("pool_name", "Pool", ""),
                ("status", "Status", ""),
                ("type", "Type", ""),
                ("billing", "Billing", ""),
                ("pool", "ID", ""),
            ],
        ),
        8,
        8,
    )
