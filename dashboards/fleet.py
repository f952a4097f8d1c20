"""The dashboard of all projects: jobs, quotas, long jobs, failed collections."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard
from panels import (
    JOBS,
    PROJECT,
    QUOTA_STEPS,
    Layout,
    Panel,
    Query,
    new_dashboard,
    with_jobs,
)


UID = "modelarts-fleet"
TO_PROJECT = (
    "Project ${__field.labels.project}",
    "/d/modelarts-project?var-project=${__field.labels.project}&${datasource:queryparam}&${job:queryparam}&${instance:queryparam}&${__url_time_range}",
)


def fleet() -> dashboard.Dashboard:
    """Return the dashboard."""
    builder = with_jobs(
        new_dashboard(
            UID,
            "ModelArts / Fleet",
            "Training and visualization jobs of all projects: what runs, what fails, how "
            "full the quotas are, and which projects are not collected.",
            "modelarts_up",
        )
    )
    layout = Layout(builder)
    layout.row("Now")
    for title, description, expr, steps in (
        (
            "Collected",
            "Complete collections at the last scrape: of each project, kind and API version.",
            f"sum(modelarts_up{{{JOBS}}})",
            (("green", None),),
        ),
        (
            "Not collected",
            "Failed collections. What they are about is missing in the other panels.",
            f"sum(1 - modelarts_up{{{JOBS}}})",
            (("green", None), ("red", 1.0)),
        ),
        (
            "Running",
            "Running jobs.",
            f'sum(modelarts_jobs{{{JOBS}, phase="running"}})',
            (("blue", None),),
        ),
        (
            "Waiting",
            "Jobs that have not started yet.",
            f'sum(modelarts_jobs{{{JOBS}, phase="pending"}})',
            (("yellow", None),),
        ),
        (
            "Accelerators in use",
            "GPUs and NPUs of running training jobs. Only the v2 API reports them.",
            f"sum(modelarts_active_accelerators{{{PROJECT}}})",
            (("blue", None),),
        ),
        (
            "Failed within a day",
            "Jobs that failed within the last 24 hours.",
            f'sum(increase(modelarts_jobs_finished_total{{{JOBS}, phase="failed"}}[1d]))',
            (("green", None), ("orange", 1.0)),
        ),
    ):
        layout.add(
            Panel(
                title=title,
                description=description,
                queries=[Query(expr=expr)],
                unit="short",
                kind="stat",
                decimals=0,
                steps=steps,
            ),
            4,
            4,
        )
    layout.row("Jobs")
    layout.add(
        Panel(
            title="Unfinished jobs by phase",
            description="Pending, running and stopping jobs. A project that cannot be "
            "collected is missing from the sum, not counted as 0.",
            queries=[
                Query(
                    expr=f'sum by (phase) (modelarts_jobs{{{JOBS}, phase=~"pending|running|stopping"}})',
                    legend="{{phase}}",
                )
            ],
            unit="short",
            stacked=True,
            by_phase=True,
        ),
        12,
        8,
    )
    layout.add(
        Panel(
            title="Finished jobs",
            description="Finished jobs by outcome, each counted once.",
            queries=[
                Query(
                    expr=f"sum by (phase) (increase(modelarts_jobs_finished_total{{{JOBS}}}[$__rate_interval]))",
                    legend="{{phase}}",
                )
            ],
            unit="short",
            stacked=True,
            by_phase=True,
        ),
        12,
        8,
    )
    layout.add(
        Panel(
            title="All jobs by phase",
            description="All existing jobs, including those that finished long ago.",
            queries=[
                Query(
                    expr=f"sum by (phase) (modelarts_jobs{{{JOBS}}})",
                    legend="{{phase}}",
                )
            ],
            unit="short",
            stacked=True,
            by_phase=True,
        ),
        12,
        8,
    )
    layout.add(
        Panel(
            title="Running jobs by project",
            description="Running jobs by project and kind.",
            queries=[
                Query(
                    expr=f'sum by (project, kind) (modelarts_jobs{{{JOBS}, phase="running"}})',
                    legend="{{project}} {{kind}}",
                )
            ],
            unit="short",
            stacked=True,
        ),
        12,
        8,
    )
    layout.row("Quotas")
    layout.add(
        Panel(
            title="Running quota",
            description="Running jobs as a share of the quota. At 100 % new jobs wait. "
            "Only the v1 API reports this quota.",
            queries=[
                Query(
                    expr=f'sum by (project, kind, api_version) (modelarts_jobs{{{JOBS}, phase="running"}}) / (sum by (project, kind, api_version) (modelarts_running_job_quota{{{JOBS}}}) > 0)',
                    legend="{{project}} {{kind}} {{api_version}}",
                    instant=True,
                )
            ],
            unit="percentunit",
            kind="bargauge",
            steps=QUOTA_STEPS,
            maximum=1.0,
            link=TO_PROJECT,
        ),
        12,
        9,
    )
    layout.add(
        Panel(
            title="Capacity for jobs",
            description="Existing jobs as a share of all that can exist. At 100 % no job "
            "can be created.",
            queries=[
                Query(
                    expr=f"sum by (project, kind, api_version) (modelarts_created_jobs{{{JOBS}}}) / (sum by (project, kind, api_version) (modelarts_created_jobs{{{JOBS}}} + modelarts_job_count_limit_remaining{{{JOBS}}}) > 0)",
                    legend="{{project}} {{kind}} {{api_version}}",
                    instant=True,
                )
            ],
            unit="percentunit",
            kind="bargauge",
            steps=QUOTA_STEPS,
            maximum=1.0,
            link=TO_PROJECT,
        ),
        12,
        9,
    )
    layout.row("Long jobs")
    layout.add(
        Panel(
            title="Longest running",
            description="The job that has run longest in each of ten projects and kinds.",
            queries=[
                Query(
                    expr=f'topk(10, max by (project, kind) (modelarts_job_longest_duration_seconds{{{JOBS}, phase="running"}}))',
                    legend="{{project}} {{kind}}",
                    instant=True,
                )
            ],
            unit="s",
            kind="bargauge",
            no_value="No job is running.",
            steps=(("green", None), ("orange", 86_400.0), ("red", 172_800.0)),
            link=TO_PROJECT,
        ),
        12,
        8,
    )
    layout.add(
        Panel(
            title="Longest waiting",
            description="Age of the oldest job that has not started, in each of ten "
            "projects and kinds.",
            queries=[
                Query(
                    expr=f'topk(10, time() - min by (project, kind) (modelarts_job_oldest_created_timestamp_seconds{{{JOBS}, phase="pending"}}))',
                    legend="{{project}} {{kind}}",
                    instant=True,
                )
            ],
            unit="s",
            kind="bargauge",
            no_value="No job is waiting.",
            steps=(("green", None), ("orange", 900.0), ("red", 3600.0)),
            link=TO_PROJECT,
        ),
        12,
        8,
    )
    layout.row("Failed collections")
    layout.add(
        Panel(
            title="Projects that are not collected",
            description="Projects whose last collection failed. The exporter's status "
            "page says why, and what to do.",
            queries=[
                Query(
                    expr=f"sum by (project, kind, api_version, instance) (modelarts_up{{{JOBS}}} == 0)",
                    instant=True,
                    is_table=True,
                )
            ],
            unit="short",
            kind="table",
            no_value="All projects are collected.",
            columns=[
                ("project", "Project", ""),
                ("kind", "Kind", ""),
                ("api_version", "API", ""),
                ("instance", "Exporter", ""),
            ],
        ),
        8,
        8,
    )
    layout.add(
        Panel(
            title="Failed collections by reason",
            description="Failed collections, also of a part, such as the quota.",
            queries=[
                Query(
                    expr=f"sum by (reason) (increase(modelarts_collection_errors_total{{{JOBS}}}[$__rate_interval]))",
                    legend="{{reason}}",
                )
            ],
            unit="short",
            stacked=True,
        ),
        8,
        8,
    )
    layout.add(
        Panel(
            title="Collection status",
            description="Whether each project, kind and API version was collected.",
            queries=[
                Query(
                    expr=f"min by (project, kind, api_version) (modelarts_up{{{JOBS}}})",
                    legend="{{project}} {{kind}} {{api_version}}",
                )
            ],
            unit="short",
            kind="state-timeline",
            words=(("0", "not collected", "red"), ("1", "collected", "green")),
        ),
        8,
        8,
    )
    return builder
