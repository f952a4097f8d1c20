"""The dashboard of all projects: alerts, jobs, quotas, long jobs, collections."""

from __future__ import annotations

from typing import Final

from capacity import DAY, accelerators, full_in, running_share, used_share
from grafana_foundation_sdk.builders import dashboard
from looks import Column, Kind
from now import (
    PROJECT_COLUMN,
    add_alerts,
    add_exporter,
    add_not_collected,
    add_stat,
)
from panels import QUOTA_STEPS, Layout, Panel, Query
from queries import (
    JOBS,
    LONGEST,
    OLDEST_PENDING,
    PENDING,
    PROJECT,
    RUNNING,
    counted,
    of_jobs,
    of_projects,
)
from variables import new_dashboard, with_jobs, with_projects


UID: Final = "modelarts-fleet"
_TO_PROJECT: Final = (
    "Project ${__field.labels.project}",
    "/d/modelarts-project?var-project=${__field.labels.project}&${datasource:queryparam}&${cluster:queryparam}&${job:queryparam}&${__url_time_range}",
)
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
    _quotas(layout)
    _long_jobs(layout)
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
    add_alerts(layout, "$project|", width=13, height=6)
    add_not_collected(layout, width=11)


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
        "Failed in a day": (f"sum by (project) (increase({failed}[1d]))", "short"),
        "Running quota": (f"max by (project) ({running_share()})", "percentunit"),
        "Capacity used": (f"max by (project) ({used_share()})", "percentunit"),
        "Full in": (f"min by (project) ({full_in()})", "s"),
        "Longest running": (
            f"max by (project) ({LONGEST})",
            "s",
        ),
    }
    layout.add(
        Panel(
            title="Projects",
            description="One line a project. Full in: when no job can be created any more "
            "if the trend of the last 6 hours goes on, where that is within 30 days.",
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


def _quotas(layout: Layout) -> None:
    layout.row("Quotas")
    by = "by (project, kind, api_version)"
    for title, description, expr in (
        (
            "Running quota",
            (
                f"Running jobs as a share of the quota: the {_TOP} fullest. At 100 % new jobs "
                "wait. Only the v1 API reports this quota."
            ),
            running_share(),
        ),
        (
            "Capacity for jobs",
            (
                f"Existing jobs as a share of all that can exist: the {_TOP} fullest. At 100 % "
                "no job can be created."
            ),
            used_share(),
        ),
    ):
        layout.add(
            Panel(
                title=title,
                description=description,
                queries=[
                    Query(
                        expr=f"topk({_TOP}, max {by} ({expr}) > 0)",
                        legend="{{project}} {{kind}} {{api_version}}",
                    )
                ],
                unit="percentunit",
                kind=Kind.BARGAUGE,
                decimals=0,
                no_value="No job exists, the API reports no quota, or the exporter is down.",
                steps=QUOTA_STEPS,
                maximum=1.0,
                link=_TO_PROJECT,
            ),
            8,
            9,
        )
    layout.add(
        Panel(
            title="Time until full",
            description="When no job can be created any more, if the trend of the last 6 "
            f"hours goes on: the {_TOP} next ones within 30 days.",
            queries=[
                Query(
                    expr=f"sort(bottomk({_TOP}, min {by} ({full_in()})))",
                    legend="{{project}} {{kind}} {{api_version}}",
                )
            ],
            unit="s",
            kind=Kind.BARGAUGE,
            no_value="Nothing is full within 30 days, or the exporter is down.",
            steps=(("red", None), ("orange", DAY), ("green", 7 * DAY)),
            link=_TO_PROJECT,
        ),
        8,
        9,
    )


def _long_jobs(layout: Layout) -> None:
    layout.row("Long jobs")
    for title, description, expr, steps, no_value in (
        (
            "Longest running",
            f"The job that has run longest in each of {_TOP} projects and kinds.",
            f"topk({_TOP}, max by (project, kind) ({LONGEST}))",
            (("green", None), ("orange", DAY), ("red", 2 * DAY)),
            "No job is running, or the exporter is down.",
        ),
        (
            "Longest waiting",
            (
                f"Age of the oldest job that has not started, in each of {_TOP} projects and "
                "kinds."
            ),
            f"topk({_TOP}, time() - min by (project, kind) ({OLDEST_PENDING}))",
            (("green", None), ("orange", 900.0), ("red", 3600.0)),
            "No job is waiting, or the exporter is down.",
        ),
    ):
        layout.add(
            Panel(
                title=title,
                description=description,
                queries=[Query(expr=expr, legend="{{project}} {{kind}}")],
                unit="s",
                kind=Kind.BARGAUGE,
                no_value=no_value,
                steps=steps,
                link=_TO_PROJECT,
            ),
            6,
            9,
        )
    by = "by (project, kind, job_id, job_name)"
    labels = "cluster, job, project, kind, api_version, job_id"
    name = (
        f'max by ({labels}, job_name) (modelarts_job_info{{{JOBS}, phase="running"}})'
    )
    ran = of_jobs("modelarts_job_run_duration_seconds")
    layout.add(
        Panel(
            title="Jobs that have run longest",
            description="Which jobs may hang. Needs job_series in the exporter's "
            "configuration.",
            queries=[
                Query(
                    expr=f"topk(20, max {by} ({ran} * on ({labels}) group_left (job_name) {name}))"
                )
            ],
            kind=Kind.TABLE,
            no_value="No job is running, or job_series is not enabled, or the exporter is down.",
            columns=[
                PROJECT_COLUMN,
                Column("kind", "Kind"),
                Column("job_name", "Job"),
                Column("job_id", "ID"),
                Column("Value", "Running for", "s"),
            ],
            sort_by="Running for",
        ),
        12,
        9,
    )


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
