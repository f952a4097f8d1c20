"""How full quotas and pools are, and when they will be full."""

from __future__ import annotations

from typing import Final

from looks import Kind
from panels import Panel, Query
from queries import JOBS, ON_POOL, PROJECT, of_jobs, of_projects


DAY: Final = 86_400.0

ON_PHYSICAL: Final = (
    f"* {ON_POOL} group_left () max by (cluster, job, project, pool) "
    f'(modelarts_pool_info{{{PROJECT}, type="physical"}})'
)
"""Keeps series of physical pools: the others are parts of them."""

_CREATED: Final = of_jobs("modelarts_created_jobs")
_REMAINING: Final = of_jobs("modelarts_job_count_limit_remaining")


def running_share() -> str:
    """Return running jobs as a share of how many may run at a time."""
    running = of_jobs("modelarts_jobs", 'phase="running"')
    return (
        f"sum without (status, phase) ({running}) "
        f"/ ({of_jobs('modelarts_running_job_quota')} > 0)"
    )


def used_share() -> str:
    """Return existing jobs as a share of how many can exist."""
    return f"{_CREATED} / ({_CREATED} + {_REMAINING} > 0)"


def full_in() -> str:
    """Return seconds until no job can be created, where that is within 30 days."""
    growth = (
        f"max without (instance, pod) (deriv(modelarts_created_jobs{{{JOBS}}}[6h]))"
    )
    return f"{_REMAINING} / ({growth} > 0) < 30 * 86400"


def accelerators() -> Panel:
    """Return a panel of the accelerators that are held, beside those that pools have."""
    capacity = of_projects("modelarts_pool_capacity_accelerators")
    allocated = of_projects("modelarts_pool_allocated_accelerators")
    public = of_projects("modelarts_active_accelerators", 'pool=""')
    return Panel(
        title="Accelerators held, and capacity",
        description="GPUs and NPUs that physical pools have, how many of them are allocated, "
        "and how many training jobs hold outside of pools (only v2 reports them).",
        queries=[
            Query(expr=f"sum({capacity} {ON_PHYSICAL})", legend="capacity of pools"),
            Query(expr=f"sum({allocated} {ON_PHYSICAL})", legend="allocated in pools"),
            Query(expr=f"sum({public})", legend="held outside of pools"),
        ],
        kind=Kind.LINES,
        no_value="No data: no pool is collected, and no job reports accelerators.",
    )
