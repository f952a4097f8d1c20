"""What is known of collections, whether or not they succeed, and of their projects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.samples import Sample

from ..config import Project
from ..report import Listing
from .target import Reported, bucket_samples, gauge, known


_PROJECT_INFO_LABELS: Final = (
    "project",
    "project_id",
    "cloud",
    "cloud_region",
    "training_api",
)


def up(reported: Reported) -> Metric:
    """Return whether each project and kind was collected."""
    return gauge(
        "modelarts_up",
        "1 if the project's jobs of this kind were collected completely, else 0.",
        [
            (target.own, float(isinstance(report.outcome.result, Listing)))
            for target, report in reported
        ],
    )


def ended_families(reported: Reported) -> Iterator[Metric]:
    """Return how many jobs were seen to end, and how long they had run."""
    name = "modelarts_jobs_finished"
    numbers = Metric(
        name, "Jobs seen to end since the exporter's first collection.", "counter"
    )
    numbers.samples = [
        Sample(f"{name}_total", target.phases[phase], float(number))
        for target, report in reported
        for phase, number in report.ended.numbers.items()
    ]
    yield numbers
    name = "modelarts_finished_job_duration_seconds"
    family = Metric(
        name,
        "Running durations of the jobs seen to end, where the API tells them.",
        "histogram",
    )
    for target, report in reported:
        for phase, durations in report.ended.durations.items():
            labels = target.phases[phase]
            buckets = target.buckets[phase]
            family.samples += bucket_samples(f"{name}_bucket", buckets, durations)
            family.samples += [
                Sample(f"{name}_count", labels, float(durations.number)),
                Sample(f"{name}_sum", labels, durations.seconds),
            ]
    yield family


def collection_families(reported: Reported) -> Iterator[Metric]:
    """Return how long collections take, when they succeeded, and how they failed."""
    yield gauge(
        "modelarts_collection_duration_seconds",
        "Time that the last collection took.",
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
    """Return what is known of projects from the configuration."""
    extra = sorted({name for project in projects for name, _ in project.labels})
    family = GaugeMetricFamily(
        "modelarts_project_info",
        "1; what is known of a project, its configured labels included.",
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
