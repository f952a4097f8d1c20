"""Panels of what is full, soon full, or takes long: quotas, and jobs that may hang."""

from __future__ import annotations

from typing import Final

from capacity import DAY, full_in, running_share, used_share
from looks import Column, Kind
from now import PROJECT_COLUMN
from panels import QUOTA_STEPS, Layout, Panel, Query
from queries import JOBS, LONGEST, OLDEST_PENDING, of_jobs


_TO_PROJECT: Final = (
    "Project ${__field.labels.project}",
    "/d/modelarts-project?var-project=${__field.labels.project}&${datasource:queryparam}&${cluster:queryparam}&${job:queryparam}&${__url_time_range}",
)
_TOP: Final = 10


def add_quotas(layout: Layout) -> None:
    """Add the fullest quotas."""
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
            f"hours continues: the {_TOP} next ones within 30 days.",
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


def add_long_jobs(layout: Layout) -> None:
    """Add the jobs that run or wait longest."""
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
            12,
            8,
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
        24,
        8,
    )
