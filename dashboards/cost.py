"""The dashboard of money: what runs now costs by the hour, and what of it idles."""

from __future__ import annotations

from typing import Final

from capacity import ON_PHYSICAL
from grafana_foundation_sdk.builders import dashboard
from looks import Kind
from now import add_alerts, add_exporter, add_stat
from panels import Layout, Panel, Query
from queries import LATEST, ON_POOL, ON_PROJECT, PROJECT, price
from variables import new_dashboard, with_projects


UID: Final = "modelarts-cost"

_NOTHING: Final = (
    "Nothing, or it is not collected or has no price, or the exporter was down."
)
_PRICED: Final = f"* on (flavor) group_left (currency) {price()}"
_NODES: Final = f'{LATEST} (modelarts_pool_nodes{{{PROJECT}, state="available"}})'
# What runs in a dedicated pool costs no more than the pool.
_PARTS: Final = {
    "pools": f"{_NODES} {_PRICED} {ON_PHYSICAL}",
    "training jobs": f'{LATEST} (modelarts_active_nodes{{{PROJECT}, pool=""}}) {_PRICED}',
    "notebooks": f'{LATEST} (modelarts_running_notebooks{{{PROJECT}, pool=""}}) {_PRICED}',
    "Lite Servers": f"{LATEST} (modelarts_lite_servers{{{PROJECT}}}) {_PRICED}",
}
_OWNER: Final = "cluster, job, project"
_ALL: Final = " or ".join(
    f'label_replace(sum by ({_OWNER}, currency) ({part}), "part", "{name}", "", "")'
    for name, part in _PARTS.items()
)
_TEAM: Final = (
    f"* {ON_PROJECT} group_left (label_team) "
    f"max by ({_OWNER}, label_team) (modelarts_project_info{{{PROJECT}}})"
)
_ENDLESS: Final = f'{LATEST} (modelarts_running_notebooks{{{PROJECT}, pool="", auto_stop="off"}}) {_PRICED}'
_ALLOCATED: Final = (
    f"sum by ({_OWNER}, pool) "
    f"({LATEST} (modelarts_pool_allocated_cpu_cores{{{PROJECT}}})) == 0"
)
_IDLE_POOLS: Final = f"{_PARTS['pools']} and {ON_POOL} ({_ALLOCATED})"
_LONG: Final = f'{LATEST} (modelarts_job_longest_duration_seconds{{{PROJECT}, phase="running"}}) > 2 * 86400'


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
    _spent(layout)
    _idle(layout)
    return builder


def _now(layout: Layout) -> None:
    layout.row("Now")
    add_exporter(layout)
    for title, description, expr, width in (
        (
            "An hour",
            (
                "Available nodes of pools, and training jobs, notebooks and Lite Servers outside "
                "of pools, times the price of their flavor."
            ),
            _ALL,
            5,
        ),
        (
            "Idle pools, an hour",
            "Available nodes of pools in which nothing is allocated.",
            _IDLE_POOLS,
            5,
        ),
        (
            "Endless notebooks, an hour",
            "Running notebooks outside of pools that nothing stops by itself.",
            _ENDLESS,
            5,
        ),
    ):
        add_stat(
            layout,
            title,
            description,
            f"sum by (currency) ({expr})",
            no_value="Nothing, or no prices, or the exporter is down.",
            legend="{{currency}}",
            width=width,
        )
    add_stat(
        layout,
        "Long jobs",
        "Projects and kinds whose longest job has run for over two days.",
        f"count({_LONG})",
        steps=(("green", None), ("orange", 1.0)),
        no_value="None, or the exporter is down.",
        width=6,
    )
    add_alerts(layout, "$project|")


def _spent(layout: Layout) -> None:
    layout.row("An hour, as it is now")
    top = "by (project, currency)"
    for title, description, expr, legend in (
        (
            "By what it is for",
            "Training jobs are those of v2, since v1 does not report flavors.",
            f"sum by (part, currency) ({_ALL})",
            "{{part}} {{currency}}",
        ),
        (
            "By project",
            "All of it: the 10 most expensive projects.",
            f"topk(10, sum {top} ({_ALL}) > 0)",
            "{{project}} {{currency}}",
        ),
        (
            "By team",
            "All of it, by the configured label team of the projects.",
            f"topk(10, sum by (label_team, currency) (sum by ({_OWNER}, currency) ({_ALL}) {_TEAM}) > 0)",
            "{{label_team}} {{currency}}",
        ),
    ):
        _add(layout, title, description, expr, legend)


def _idle(layout: Layout) -> None:
    layout.row("What idles, an hour")
    for title, description, expr, legend in (
        (
            "Notebooks without auto-stop",
            "What running notebooks cost that nothing stops by itself.",
            f"topk(10, sum by (project, currency) ({_ENDLESS}))",
            "{{project}} {{currency}}",
        ),
        (
            "Pools with nothing allocated",
            "What the available nodes cost of pools in which nothing runs.",
            f"topk(10, sum by (project, currency) ({_IDLE_POOLS}))",
            "{{project}} {{currency}}",
        ),
        (
            "Jobs over two days",
            "How long the longest job of a project has run, where that is over two days.",
            f"topk(10, max by (project, kind) ({_LONG}))",
            "{{project}} {{kind}}",
        ),
    ):
        _add(layout, title, description, expr, legend)


def _add(layout: Layout, title: str, description: str, expr: str, legend: str) -> None:
    is_duration = title.startswith("Jobs")
    layout.add(
        Panel(
            title=title,
            description=description,
            queries=[Query(expr=expr, legend=legend)],
            unit="s" if is_duration else "short",
            kind=Kind.LINES if is_duration else Kind.STACK,
            no_value=_NOTHING,
        ),
        8,
        9,
    )
