"""The dashboard of all projects: alerts, jobs, quotas, long jobs, collections."""

from __future__ import annotations

from typing import Final

from capacity import DAY, accelerators, full_in, running_share, used_share
from grafana_foundation_sdk.builders import dashboard
from limits import add_long_jobs, add_quotas
from looks import Column, Kind
from now import (
    PROJECT_COLUMN,
    add_alerts,
    add_exporter,
    add_not_collected,
    add_stat,
)
from panels import Layout, Panel, Query
from queries import (
    JOBS,
    LONGEST,
    PENDING,
    PROJECT,
    RUNNING,
    counted,
    of_jobs,
    of_projects,
)
from variables import new_dashboard, with_jobs, with_projects


UID: Final = "modelarts-fleet"
_TOP: Final = 10


def fleet() -> dashboard.Dashboard:
    """Return the dashboard."""
    builder = new_dashboard(
        UID,
        "ModelArts / Fleet",
        "Training and visualization jobs of all projects: what runs, what fails, how "
        "full the quotas are, and which projects are not collected.",
        "modelarts_up",
    )
    layout = Layout(with_jobs(with_projects(builder)))
    _now(layout)
    _projects(layout)
    _jobs(layout)
    add_quotas(layout)
    add_long_jobs(layout)
    _collections(layout)
    return builder


def _now(layout: Layout) -> None:
    layout.row("Now")
    add_exporter(layout)
    up = of_projects("modelarts_up")
    failed = f'modelarts_jobs_finished_total{{{JOBS}, phase="failed"}}'
    for title, description, expr, steps in (
        (
            "Collected",
            "Complete collections: of each project, kind and API version.",
            f"sum({up})",
            (("green", None),),
        ),
        (
            "Not collected",
            "Failed collections. What they are about is missing in the other panels.",
            f"sum(1 - {up})",
            (("green", None), ("red", 1.0)),
        ),
        (
            "Running",
            "Running jobs.",
            f"sum({RUNNING})",
            (("blue", None),),
        ),
        (
            "Waiting",
            "Jobs that have not started yet.",
            f"sum({PENDING})",
            (("yellow", None),),
        ),
        (
            "Accelerators",
            "GPUs and NPUs that running training jobs hold. Only the v2 API reports them.",
            f"sum({of_projects('modelarts_active_accelerators')})",
            (("blue", None),),
        ),
        (
            "Failed in a day",
            "Jobs that failed within the last 24 hours.",
            f"sum(increase({failed}[1d]))",
            (("green", None), ("orange", 1.0)),
        ),
        (
            "Longest job",
            "How long the job has run that has run longest.",
            f"max({LONGEST})",
            (("green", None), ("orange", DAY), ("red", 2 * DAY)),
        ),
    ):
        unit = "s" if title.startswith("Longest") else "none"
        add_stat(layout, title, description, expr, unit=unit, steps=steps)
    add_alerts(layout, "$project|")
    add_not_collected(layout)


def _projects(layout: Layout) -> None:
    layout.row("Projects")
    failed = f'modelarts_jobs_finished_total{{{JOBS}, phase="failed"}}'
    columns = {
        "Running": (
            f"sum by (project) ({RUNNING})",
            "short",
        ),
        "Waiting": (
            f"sum by (project) ({PENDING})",
            "short",
        ),
        "Accelerators": (
            f"sum by (project) ({of_projects('modelarts_active_accelerators')})",
            "short",
        ),
        "Failed, 1 day": (f"sum by (project) (increase({failed}[1d]))", "short"),
        "Quota": (f"max by (project) ({running_share()})", "percentunit"),
        "Capacity": (f"max by (project) ({used_share()})", "percentunit"),
        "Full in": (f"min by (project) ({full_in()})", "s"),
        "Longest job": (
            f"max by (project) ({LONGEST})",
            "s",
        ),
    }
    layout.add(
        Panel(
            title="Projects",
            description="One line a project. Quota: running jobs as a share of how many may run; "
            "Capacity: existing jobs as a share of how many can exist; Full in: when no job can be created any more "
            "if the trend of the last 6 hours continues, where that is within 30 days.",
            queries=[Query(expr=expr) for expr, _ in columns.values()],
            kind=Kind.TABLE,
            decimals=0,
            columns=[
                PROJECT_COLUMN,
                *(
                    Column(f"Value #{ref_id}", title, unit)
                    for ref_id, (title, (_, unit)) in zip(
                        "ABCDEFGH", columns.items(), strict=True
                    )
                ),
            ],
            sort_by="Running",
        ),
        24,
        9,
    )


def _jobs(layout: Layout) -> None:
    layout.row("Jobs")
    unfinished = of_jobs("modelarts_jobs", 'phase=~"pending|running|stopping"')
    layout.add(
        Panel(
            title="Unfinished jobs by phase",
            description="Pending, running and stopping jobs. A project that cannot be "
            "collected is missing from the sum, not counted as 0.",
            queries=[Query(expr=f"sum by (phase) ({unfinished})", legend="{{phase}}")],
            kind=Kind.STACK,
            by_phase=True,
        ),
        12,
        9,
    )
    layout.add(
        Panel(
            title="Finished jobs",
            description="How many jobs finished within each bar's time, by outcome.",
            queries=[
                Query(
                    expr=counted("modelarts_jobs_finished_total", JOBS, "phase"),
                    legend="{{phase}}",
                )
            ],
            kind=Kind.BARS,
            by_phase=True,
            decimals=0,
        ),
        12,
        9,
    )
    layout.add(
        Panel(
            title="Running jobs by project",
            description=f"The {_TOP} projects with most running jobs.",
            queries=[
                Query(
                    expr=f"topk({_TOP}, sum by (project) ({RUNNING}) > 0)",
                    legend="{{project}}",
                )
            ],
            kind=Kind.STACK,
            legend_on_the_right=True,
            no_value="No job is running, or the exporter was down.",
        ),
        12,
        9,
    )
    layout.add(accelerators(), 12, 9)


def _collections(layout: Layout) -> None:
    layout.row("Collections")
    target = "{{project}} {{kind}} {{api_version}}"
    layout.add(
        Panel(
            title="Failures by reason",
            description="How many collections failed within each bar's time, also of a "
            "part, such as the quota.",
            queries=[
                Query(
                    expr=f"{counted('modelarts_collection_errors_total', PROJECT, 'reason')} > 0",
                    legend="{{reason}}",
                )
            ],
            kind=Kind.BARS,
            decimals=0,
            no_value="Nothing failed, or the exporter was down.",
        ),
        12,
        9,
    )
    layout.add(
        Panel(
            title="What failed, and when",
            description="The targets that could not be collected at some time.",
            queries=[
                Query(
                    expr=f"min by (project, kind, api_version) ({of_projects('modelarts_up')}) and on (project, kind, api_version) (min by (project, kind, api_version) (min_over_time(modelarts_up{{{PROJECT}}}[$__range])) == 0)",
                    legend=target,
                )
            ],
            kind=Kind.STATES,
            no_value="Nothing failed, or the exporter was down.",
            words=(("0", "not collected", "red"), ("1", "collected", "green")),
        ),
        12,
        9,
    )
