"""
All metric families of a scrape: jobs, collections and projects.

Families are built anew for each scrape; unknown values have no sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

from ..collectors.jobs.labels import TargetLabels, target_labels
from ..collectors.jobs.listing import Listing
from ..collectors.jobs.metric_families import bucket_samples, job_families
from ..config import Project
from ..metrics.samples import gauge, known
from .results import Report


Reported: TypeAlias = Sequence[tuple[TargetLabels, Report]]


_PROJECT_INFO_LABELS: Final = (
    "project",
    "project_id",
    "cloud",
    "cloud_region",
    "training_api",
)


def up(reported: Reported) -> Metric:
    """Return the family that says whether each project and kind was collected."""
    return gauge(
        "modelarts_up",
        "1 if the project's jobs of this kind were collected completely, else 0.",
        [
            (target.own, float(isinstance(report.outcome.result, Listing)))
            for target, report in reported
        ],
    )


def completion_families(reported: Reported) -> Iterator[Metric]:
    """Return the number of finished jobs observed, and their running durations."""
    name = "modelarts_jobs_finished"
    numbers = Metric(
        name, "Finished jobs observed since the exporter's first collection.", "counter"
    )
    numbers.samples = [
        Sample(f"{name}_total", target.phases[phase], float(number))
        for target, report in reported
        for phase, number in report.completions.numbers.items()
    ]
    yield numbers
    name = "modelarts_finished_job_duration_seconds"
    family = Metric(
        name,
        "Running durations of the finished jobs observed, where the API reports them.",
        "histogram",
    )
    for target, report in reported:
        for phase, durations in report.completions.durations.items():
            labels = target.phases[phase]
            buckets = target.buckets[phase]
            family.samples += bucket_samples(f"{name}_bucket", buckets, durations)
            family.samples += [
                Sample(f"{name}_count", labels, float(durations.number)),
                Sample(f"{name}_sum", labels, durations.seconds),
            ]
    yield family


def collection_families(reported: Reported) -> Iterator[Metric]:
    """Return durations, last successes and failures of collections."""
    yield gauge(
        "modelarts_collection_duration_seconds",
        "Duration of the last collection.",
        [(target.own, report.outcome.seconds) for target, report in reported],
    )
    yield gauge(
        "modelarts_collection_last_success_timestamp_seconds",
        "When the last complete collection ended, in Unix time.",
        known((target.own, report.last_success) for target, report in reported),
    )
    name = "modelarts_collection_errors"
    errors = Metric(name, "Collections that failed, by reason.", "counter")
    errors.samples = [
        Sample(f"{name}_total", labels, float(report.errors[reason]))
        for target, report in reported
        for reason, labels in target.reasons.items()
    ]
    yield errors


def project_info(projects: Sequence[Project]) -> Metric:
    """Return the projects' IDs, clouds and labels, from the configuration."""
    extra = sorted({name for project in projects for name, _ in project.labels})
    family = GaugeMetricFamily(
        "modelarts_project_info",
        "1; a project's ID, cloud, region, API version and configured labels.",
        labels=[*_PROJECT_INFO_LABELS, *(f"label_{name}" for name in extra)],
    )
    for project in projects:
        configured = dict(project.labels)
        family.add_metric(
            [
                project.name,
                project.project_id,
                project.cloud.name,
                project.cloud.region,
                project.training_api,
                *(configured.get(name, "") for name in extra),
            ],
            1.0,
        )
    return family


def families(
    reports: Sequence[Report], projects: Sequence[Project], bounds: Sequence[float]
) -> list[Metric]:
    """
    Return all families of a scrape, with the samples of all reports.

    `bounds` are the upper bounds of the duration histograms, in seconds.
    """
    limits = (*(floatToGoString(bound) for bound in bounds), "+Inf")
    reported = [
        (
            target_labels(
                report.project.name, report.kind, report.project.training_api, limits
            ),
            report,
        )
        for report in reports
    ]
    listed = [
        (target, report.outcome.result)
        for target, report in reported
        if isinstance(report.outcome.result, Listing)
    ]
    return [
        up(reported),
        *job_families(listed),
        *completion_families(reported),
        *collection_families(reported),
        project_info(projects),
    ]
