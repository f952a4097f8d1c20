"""Panels of how long jobs take."""

from __future__ import annotations

from looks import Kind
from panels import Layout, Panel, Query
from queries import JOBS, LONGEST, OLDEST_PENDING, of_jobs


def add_durations(layout: Layout) -> None:
    """Add the durations of existing, finished, and unfinished jobs."""
    layout.row("Durations")
    buckets = of_jobs("modelarts_job_duration_seconds_bucket")
    layout.add(
        Panel(
            title="Running durations of existing jobs",
            description="How long the existing jobs have run. Where finished jobs are only "
            "counted, this shows the unfinished ones.",
            queries=[Query(expr=f"sum by (le) ({buckets})", legend="{{le}}")],
            unit="short",
            kind=Kind.HEATMAP,
        ),
        8,
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
            no_value="No job finished, or the exporter was down.",
        ),
        8,
        9,
    )
    layout.add(
        Panel(
            title="Longest running and waiting",
            description="The job that has run longest, and the one that has waited longest.",
            queries=[
                Query(
                    expr=f"max by (kind) ({LONGEST})",
                    legend="{{kind}}: running",
                ),
                Query(
                    expr=f"time() - min by (kind) ({OLDEST_PENDING})",
                    legend="{{kind}}: waiting",
                ),
            ],
            unit="s",
            no_value="No job runs or waits, or the exporter was down.",
        ),
        8,
        9,
    )
