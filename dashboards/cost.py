"""The dashboard of money: what runs now costs by the hour, and what of it idles."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import dashboard
from panels import EXPORTER, PROJECT, Layout, Panel, Query, new_dashboard, with_projects


UID: Final = "modelarts-cost"

_NO_PRICES: Final = (
    "No data: no prices are configured for what runs, or nothing of it is collected."
)
_PRICED: Final = (
    "* on (flavor) group_left (currency) "
    f"max by (flavor, currency) (modelarts_flavor_price_per_hour{{{EXPORTER}}})"
)
_PHYSICAL: Final = (
    "* on (job, instance, project, pool) group_left () "
    f'modelarts_pool_info{{{PROJECT}, type="physical"}}'
)
_NODES: Final = f'modelarts_pool_nodes{{{PROJECT}, state="available"}}'
# What runs in a dedicated pool costs no more than the pool.
_PARTS: Final = {
    "pools": f"{_NODES} {_PRICED} {_PHYSICAL}",
    "training jobs": f'modelarts_active_nodes{{{PROJECT}, pool=""}} {_PRICED}',
    "notebooks": f'modelarts_running_notebooks{{{PROJECT}, pool=""}} {_PRICED}',
    "Lite Servers": f"modelarts_lite_servers{{{PROJECT}}} {_PRICED}",
}
_ALL: Final = " or ".join(
    f'label_replace(sum by (job, instance, project, currency) ({part}), "part", "{name}", "", "")'
    for name, part in _PARTS.items()
)
_TEAM: Final = (
    "* on (job, instance, project) group_left (label_team) "
    f"modelarts_project_info{{{PROJECT}}}"
)
_ENDLESS: Final = (
    f'modelarts_running_notebooks{{{PROJECT}, pool="", auto_stop="off"}} {_PRICED}'
)
_ALLOCATED: Final = (
    "sum by (job, instance, project, pool) "
    f"(modelarts_pool_allocated_cpu_cores{{{PROJECT}}}) == 0"
)
_IDLE_POOLS: Final = (
    f"{_PARTS['pools']} and on (job, instance, project, pool) ({_ALLOCATED})"
)
_LONG: Final = (
    'modelarts_job_longest_duration_seconds{{{}, phase="running"}} > 2 * 86400'
)


def cost() -> dashboard.Dashboard:
    """Return the dashboard."""
    builder = with_projects(
        new_dashboard(
            UID,
            "ModelArts / Cost",
            "What runs now, times the prices in the exporter's configuration: by project "
            "and team, and what of it idles.",
            "modelarts_up",
        )
    )
    layout = Layout(builder)
    _now(layout)
    _idle(layout)
    return builder


def _now(layout: Layout) -> None:
    layout.row("An hour, as it is now")
    layout.add(
        Panel(
            title="An hour",
            description="Available nodes of pools, and training jobs, notebooks and Lite "
            "Servers outside of pools, times the price of their flavor.",
            queries=[Query(expr=f"sum by (currency) ({_ALL})", legend="{{currency}}")],
            unit="short",
            kind="stat",
            no_value=_NO_PRICES,
        ),
        6,
        8,
    )
    for title, description, expr, legend in (
        (
            "By what it is for",
            "Training jobs are those of v2, since v1 does not report flavors.",
            f"sum by (part, currency) ({_ALL})",
            "{{part}} {{currency}}",
        ),
        (
            "By project",
            "All of it, by project.",
            f"sum by (project, currency) ({_ALL})",
            "{{project}} {{currency}}",
        ),
        (
            "By team",
            "All of it, by the configured label team of the projects.",
            f"sum by (label_team, currency) (sum by (job, instance, project, currency) ({_ALL}) {_TEAM})",
            "{{label_team}} {{currency}}",
        ),
    ):
        layout.add(
            Panel(
                title=title,
                description=description,
                queries=[Query(expr=expr, legend=legend)],
                unit="short",
                stacked=True,
                no_value=_NO_PRICES,
            ),
            6,
            8,
        )


def _idle(layout: Layout) -> None:
    layout.row("What idles, an hour")
    for title, description, expr, legend in (
        (
            "Notebooks without auto-stop",
            "What running notebooks cost that nothing stops by itself.",
            f"sum by (project, currency) ({_ENDLESS})",
            "{{project}} {{currency}}",
        ),
        (
            "Pools with nothing allocated",
            "What the available nodes cost of pools in which nothing runs.",
            f"sum by (project, currency) ({_IDLE_POOLS})",
            "{{project}} {{currency}}",
        ),
        (
            "Jobs over two days",
            "How long the longest job of a project has run, where that is over two days.",
            f"max by (project, kind) ({_LONG.format(PROJECT)})",
            "{{project}} {{kind}}",
        ),
    ):
        is_duration = title.startswith("Jobs")
        layout.add(
            Panel(
                title=title,
                description=description,
                queries=[Query(expr=expr, legend=legend)],
                unit="s" if is_duration else "short",
                stacked=not is_duration,
                no_value="Nothing of this idles, or it is not collected or has no price.",
            ),
            8,
            8,
        )
