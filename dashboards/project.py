"""The dashboard of one project: alerts, jobs, quotas, durations, unfinished jobs."""

from __future__ import annotations

from typing import Final

from capacity import DAY, full_in, used_share
from durations import add_durations
from grafana_foundation_sdk.builders import dashboard
from looks import Column, Kind
from now import add_alerts, add_exporter, add_not_collected, add_stat
from panels import QUOTA_STEPS, Layout, Panel, Query
from queries import (
    JOBS,
    LONGEST,
    PENDING,
    RUNNING,
    counted,
    of_jobs,
    of_projects,
)
from variables import new_dashboard, with_jobs, with_projects


UID: Final = "modelarts-project"
_NO_SERIES: Final = "or job_series is not enabled, or the exporter is down."


def project() -> dashboard.Dashboard:
    """Return the dashboard."""
    builder = new_dashboard(
        UID,
        "ModelArts / Project",
        "One project: its alerts, its jobs by status, how long they take, its quotas with "
        "their forecast, and its unfinished jobs.",
        "modelarts_up",
    )
    layout = Layout(with_jobs(with_projects(builder, one=True)))
    _now(layout)
    _jobs(layout)
    _quotas(layout)
    _single_jobs(layout)
    add_durations(layout)
    return builder


def _now(layout: Layout) -> None:
    layout.row("$project now")
    add_exporter(layout)
    failed = f'modelarts_jobs_finished_total{{{JOBS}, phase="failed"}}'
    for title, description, expr, unit, steps in (
        (
            "Not collected",
            "Kinds and API versions whose last collection failed.",
            f"sum(1 - {of_projects('modelarts_up')})",
            "none",
            (("green", None), ("red", 1.0)),
        ),
        (
            "Running",
            "Running jobs.",
            f"sum({RUNNING})",
            "none",
            (("blue", None),),
        ),
        (
            "Waiting",
            "Jobs that have not started yet.",
            f"sum({PENDING})",
            "none",
            (("yellow", None),),
        ),
        (
            "Failed in a day",
            "Jobs that failed within the last 24 hours.",
            f"sum(increase({failed}[1d]))",
            "none",
            (("green", None), ("orange", 1.0)),
        ),
        (
            "Capacity used",
            "Existing jobs as a share of all that can exist, of the fullest kind.",
            f"max({used_share()})",
            "percentunit",
            QUOTA_STEPS,
        ),
        (
            "Full in",
            "When no job can be created any more, if the trend of the last 6 hours continues.",
            f"min({full_in()})",
            "s",
            (("red", None), ("orange", DAY), ("green", 7 * DAY)),
        ),
        (
            "Longest job",
            "How long the job has run that has run longest.",
            f"max({LONGEST})",
            "s",
            (("green", None), ("orange", DAY), ("red", 2 * DAY)),
        ),
    ):
        no_value = "Not soon, or not known." if title == "Full in" else "Not known."
        add_stat(
            layout,
            title,
            description,
            expr,
            unit=unit,
            steps=steps,
            no_value=no_value,
        )
    add_alerts(layout, "$project|")
    add_not_collected(layout)


def _jobs(layout: Layout) -> None:
    layout.row("Jobs")
    jobs = of_jobs("modelarts_jobs", 'phase=~"pending|running|stopping"')
    layout.add(
        Panel(
            title="Unfinished jobs by status",
            description="Jobs that are not finished, by the API's status.",
            queries=[
                Query(expr=f"sum by (status) ({jobs}) > 0", legend="{{status}}"),
            ],
            kind=Kind.STACK,
            no_value="No job is unfinished, or the exporter was down.",
        ),
        8,
        9,
    )
    for title, description, by in (
        ("Finished jobs", "How many jobs finished within each bar's time.", "phase"),
        (
            "Finished jobs by kind",
            "The same by kind and API version.",
            "kind, api_version",
        ),
    ):
        layout.add(
            Panel(
                title=title,
                description=description,
                queries=[
                    Query(
                        expr=counted("modelarts_jobs_finished_total", JOBS, by),
                        legend="{{phase}}"
                        if by == "phase"
                        else "{{kind}} {{api_version}}",
                    )
                ],
                kind=Kind.BARS,
                by_phase=by == "phase",
                decimals=0,
            ),
            8,
            9,
        )


def _quotas(layout: Layout) -> None:
    layout.row("Quotas")
    by, name = "by (kind, api_version)", "{{kind}} {{api_version}}"
    quota = of_jobs("modelarts_running_job_quota")
    created = of_jobs("modelarts_created_jobs")
    remaining = of_jobs("modelarts_job_count_limit_remaining")
    layout.add(
        Panel(
            title="Running jobs and their quota",
            description="Running and pending jobs of each API version, and how many may run "
            "at the same time (v1 only).",
            queries=[
                Query(expr=f"sum {by} ({RUNNING})", legend=f"{name}: running"),
                Query(expr=f"sum {by} ({PENDING})", legend=f"{name}: waiting"),
                Query(expr=f"sum {by} ({quota})", legend=f"{name}: quota"),
            ],
        ),
        12,
        10,
    )
    layout.add(
        Panel(
            title="Existing jobs and their capacity",
            description="Existing jobs of each API version, how many can exist, and a "
            "forecast for 24 hours from the trend of the last 6.",
            queries=[
                Query(expr=f"sum {by} ({created})", legend=f"{name}: existing"),
                Query(
                    expr=f"sum {by} ({created} + {remaining})",
                    legend=f"{name}: capacity",
                ),
                Query(
                    expr=f"max {by} (predict_linear(modelarts_created_jobs{{{JOBS}}}[6h], 86400))",
                    legend=f"{name}: in 24 hours",
                ),
            ],
        ),
        12,
        10,
    )


def _single_jobs(layout: Layout) -> None:
    layout.row("Unfinished jobs")
    labels = "cluster, job, project, kind, api_version, job_id"
    names = f"max by ({labels}, job_name, status) ({of_jobs('modelarts_job_info')})"
    join = f"* on ({labels}) group_left (job_name, status) {names}"
    created = of_jobs("modelarts_job_created_timestamp_seconds")
    ran = of_jobs("modelarts_job_run_duration_seconds")
    layout.add(
        Panel(
            title="Unfinished jobs",
            description="Running and waiting jobs, the oldest first. Needs job_series in the "
            "exporter's configuration.",
            queries=[
                Query(
                    expr=f"sort_desc((time() - max by ({labels}) ({created})) {join})"
                ),
                Query(expr=f"max by ({labels}) ({ran}) {join}"),
            ],
            kind=Kind.TABLE,
            no_value=f"No job is unfinished, {_NO_SERIES}",
            columns=[
                Column("job_name", "Job"),
                Column("job_id", "ID"),
                Column("kind", "Kind"),
                Column("api_version", "API", width=60),
                Column("status", "Status"),
                Column("Value #A", "Created ago", "s"),
                Column("Value #B", "Running for", "s"),
            ],
            sort_by="Created ago",
        ),
        24,
        8,
    )
    remaining = of_jobs("modelarts_job_remaining_duration_seconds")
    layout.add(
        Panel(
            title="Visualization jobs stop in",
            description="Time until the next ones stop by themselves. Needs job_series.",
            queries=[
                Query(
                    expr=f"sort(bottomk(10, max by (job_id) ({remaining})))",
                    legend="{{job_id}}",
                )
            ],
            unit="s",
            kind=Kind.BARGAUGE,
            no_value=f"No visualization job is running, {_NO_SERIES}",
            steps=(("red", None), ("orange", 600.0), ("green", 3600.0)),
        ),
        12,
        8,
    )
    nodes = of_projects("modelarts_active_nodes")
    layout.add(
        Panel(
            title="Nodes by flavor",
            description="Nodes of running training jobs by flavor and pool; public resources "
            "have no pool. Only the v2 API reports them.",
            queries=[
                Query(
                    expr=f"topk(10, sum by (flavor, pool) ({nodes}))",
                    legend="{{flavor}} {{pool}}",
                )
            ],
            kind=Kind.STACK,
            no_value="No data: v1 does not report nodes, or no job is running.",
        ),
        12,
        8,
    )
