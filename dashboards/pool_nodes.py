"""Panels of the nodes of pools: their states, what is missing, what is free on each."""

from __future__ import annotations

from looks import Kind
from panels import Layout, Panel, Query
from pool_queries import DESIRED, NO_POOLS, PHYSICAL
from queries import LATEST, PROJECT


def add_nodes(layout: Layout) -> None:
    """Add the nodes of physical pools."""
    layout.row("Nodes")
    layout.add(
        Panel(
            title="Nodes by state",
            description="Nodes of physical pools.",
            queries=[
                Query(
                    expr=f"sum by (state) ({LATEST} (modelarts_pool_nodes{{{PROJECT}}}) {PHYSICAL})",
                    legend="{{state}}",
                )
            ],
            kind=Kind.STACK,
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
                    expr=f'sum by (project, pool_name) ({LATEST} (modelarts_pool_nodes{{{PROJECT}, state="abnormal"}}) {PHYSICAL}) > 0',
                    legend="{{pool_name}}: abnormal",
                ),
                Query(
                    expr=f'sum by (project, pool_name) ({DESIRED} {PHYSICAL}) - sum by (project, pool_name) ({LATEST} (modelarts_pool_nodes{{{PROJECT}, state=~"available|abnormal"}}) {PHYSICAL}) > 0',
                    legend="{{pool_name}}: missing",
                ),
            ],
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
                    expr=f"sum by (free) ({LATEST} (modelarts_pool_nodes_by_free_accelerators{{{PROJECT}}}) {PHYSICAL})",
                    legend="{{free}} free",
                )
            ],
            kind=Kind.BARGAUGE,
            no_value="No data: pool_nodes is not enabled, there are no pools, or the exporter is down.",
        ),
        8,
        8,
    )
