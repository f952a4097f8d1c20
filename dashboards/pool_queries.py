"""What dashboards ask about resource pools."""

from __future__ import annotations

from typing import Final

from queries import ON_POOL, PROJECT, of_projects, price


NO_POOLS: Final = "No data: the collector pools is not configured, there are none, or the exporter is down."

CHOSEN: Final = f'{PROJECT}, pool_name=~"$pool"'
INFO: Final = (
    "max by (cluster, job, project, pool, pool_name) (modelarts_pool_info{{{}}})"
)
NAMED: Final = f"* {ON_POOL} group_left (pool_name) {INFO.format(CHOSEN)}"
"""Gives the series of chosen pools the names that people know."""

PHYSICAL: Final = f"* {ON_POOL} group_left (pool_name) " + INFO.format(
    f'{CHOSEN}, type="physical"'
)
"""The same of physical pools alone: the others are parts of them."""

CAPACITY: Final = of_projects("modelarts_pool_capacity_accelerators")
ALLOCATED: Final = of_projects("modelarts_pool_allocated_accelerators")
AVAILABLE: Final = of_projects("modelarts_pool_nodes", 'state="available"')
DESIRED: Final = of_projects("modelarts_pool_desired_nodes")
QUEUED: Final = of_projects("modelarts_pool_workloads", 'status="queue"')
FAILED: Final = of_projects("modelarts_pool_status", 'phase="failed"')
POOL: Final = "cluster, job, project, pool"
FREE_SHARE: Final = (
    f"(1 - sum by ({POOL}) ({ALLOCATED}) / (sum by ({POOL}) ({CAPACITY}) > 0))"
)
COST_OF_FREE: Final = (
    f"{AVAILABLE} * on (flavor) group_left (currency) {price()} "
    f"* {ON_POOL} group_left () {FREE_SHARE} {PHYSICAL}"
)
