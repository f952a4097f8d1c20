"""The dashboard of one project: its jobs over time, quotas, durations, unfinished jobs."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard
from panels import (
    JOBS,
    PROJECT,
    Layout,
    Panel,
    Query,
    new_dashboard,
    with_jobs,
)


UID = "modelarts-project"


def project() -> dashboard.Dashboard:
    """Return the dashboard."""
    builder = with_jobs(
        new_dashboard(
            UID,
            "ModelArts / Project",
            "One project: its jobs by status, how long they take, its quotas with their "
            "forecast, and its unfinished jobs.",
            "modelarts_up",
        )
    )
    layout = Layout(builder)
    _jobs(layout)
    _quotas(layout)
    _durations(layout)
    _single_jobs(layout)
    return builder


def _jobs(layout: Layout) -> None:
    layout.row("Jobs")
    layout.add(
        Panel(
            title="Jobs by status",
            description="Jobs by the API's status, without the succeeded ones.",
            queries=[
                Query(
                    expr=f'sum by (status) (modelarts_jobs{{{JOBS}, phase!="succeeded"}} > 0)',
                    legend="{{status}}",
                )
            ],
            unit="short",
            stacked=True,
        ),
        12,
        8,
    )
    layout.add(
        Panel(
            title="Finished jobs",
            description="Finished jobs by outcome.",
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


def _quotas(layout: Layout) -> None:
    layout.row("Quotas")
    layout.add(
        Panel(
            title="Running jobs and their quota",
            description="Running and pending jobs of each API version, and how many may run "
            "at the same time (v1 only).",
            queries=[
                Query(
                    expr=f'sum by (kind, api_version) (modelarts_jobs{{{JOBS}, phase="running"}})',
                    legend="{{kind}} {{api_version}}: running",
                ),
                Query(
                    expr=f'sum by (kind, api_version) (modelarts_jobs{{{JOBS}, phase="pending"}})',
                    legend="{{kind}} {{api_version}}: waiting",
                ),
                Query(
                    expr=f"sum by (kind, api_version) (modelarts_running_job_quota{{{JOBS}}})",
                    legend="{{kind}} {{api_version}}: quota",
                ),
            ],
            unit="short",
        ),
        12,
        8,
    )
    layout.add(
        Panel(
            title="Existing jobs and their capacity",
            description="Existing jobs of each API version, how many can exist, and a "
            "forecast for 24 hours from the trend of the last 6.",
            queries=[
                Query(
                    expr=f"sum by (kind, api_version) (modelarts_created_jobs{{{JOBS}}})",
                    legend="{{kind}} {{api_version}}: existing",
                ),
                Query(
                    expr=f"sum by (kind, api_version) (modelarts_created_jobs{{{JOBS}}} + modelarts_job_count_limit_remaining{{{JOBS}}})",
                    legend="{{kind}} {{api_version}}: capacity",
                ),
                Query(
                    expr=f"sum by (kind, api_version) (predict_linear(modelarts_created_jobs{{{JOBS}}}[6h], 86400))",
                    legend="{{kind}} {{api_version}}: in 24 hours",
                ),
            ],
            unit="short",
        ),
        12,
        8,
    )


def _durations(layout: Layout) -> None:
    layout.row("Durations")
    layout.add(
        Panel(
            title="Running durations of existing jobs",
            description="How long the existing jobs have run. Where finished jobs are only "
            "counted, this shows the unfinished ones.",
            queries=[
                Query(
                    expr=f"sum by (le) (modelarts_job_duration_seconds_bucket{{{JOBS}}})",
                    legend="{{le}}",
                    is_heatmap=True,
                )
            ],
            unit="s",
            kind="heatmap",
        ),
        12,
        9,
    )
    layout.add(
        Panel(
            title="Durations of finished jobs",
            description="Median and 95th percentile of the jobs as they finish.",
            queries=[
                Query(
                    expr=f"histogram_quantile({quantile}, sum by (le) (rate(modelarts_finished_job_duration_seconds_bucket{{{JOBS}}}[$__rate_interval])))",
                    legend=legend,
                )
                for quantile, legend in ((0.5, "median"), (0.95, "95 %"))
            ],
            unit="s",
        ),
        6,
        9,
    )
    layout.add(
        Panel(
            title="Longest running and waiting",
            description="The job that has run longest, and the one that has waited longest.",
            queries=[
                Query(
                    expr=f'max by (kind) (modelarts_job_longest_duration_seconds{{{JOBS}, phase="running"}})',
                    legend="{{kind}}: running",
                ),
                Query(
                    expr=f'time() - min by (kind) (modelarts_job_oldest_created_timestamp_seconds{{{JOBS}, phase="pending"}})',
                    legend="{{kind}}: waiting",
                ),
            ],
            unit="s",
        ),
        6,
        9,
    )


def _single_jobs(layout: Layout) -> None:
    layout.row("Unfinished jobs")
    layout.add(
        Panel(
            title="Unfinished jobs",
            description="The jobs that have run longest. Needs job_series in the exporter's "
            "configuration.",
            queries=[
                Query(
                    expr=f"modelarts_job_run_duration_seconds{{{JOBS}}} * on (job, instance, project, kind, api_version, job_id) group_left (job_name, status) modelarts_job_info{{{JOBS}}}",
                    instant=True,
                    is_table=True,
                )
            ],
            unit="s",
            kind="table",
            no_value="No job is running, or job_series is not enabled.",
            columns=[
                ("project", "Project", ""),
                ("kind", "Kind", ""),
                ("api_version", "API", ""),
                ("job_name", "Job", ""),
                ("job_id", "ID", ""),
                ("status", "Status", ""),
                ("Value", "Running for", "s"),
            ],
        ),
        12,
        9,
    )
    layout.add(
        Panel(
            title="Visualization jobs stop in",
            description="Time until they stop automatically. Needs job_series.",
            queries=[
                Query(
                    expr=f"bottomk(10, modelarts_job_remaining_duration_seconds{{{JOBS}}})",
                    legend="{{project}} {{job_id}}",
                    instant=True,
                )
            ],
            unit="s",
            kind="bargauge",
            no_value="No visualization job is running, or job_series is not enabled.",
            steps=(("red", None), ("orange", 600.0), ("green", 3600.0)),
        ),
        6,
        9,
    )
    layout.add(
        Panel(
            title="Nodes by flavor",
            description="Nodes of running training jobs by flavor and pool; public resources "
            "have no pool. Only the v2 API reports them.",
            queries=[
                Query(
                    expr=f"sum by (flavor, pool) (modelarts_active_nodes{{{PROJECT}}})",
                    legend="{{flavor}} {{pool}}",
                )
            ],
            unit="short",
            stacked=True,
            no_value="No data: v1 does not report nodes, or no job is running.",
        ),
        6,
        9,
    )
