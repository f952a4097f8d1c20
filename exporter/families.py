"""
Every metric about projects and jobs: its name, help text and labels, and its samples.

Families are new for each scrape; what is not known has no sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

from .collection import Report
from .config import Project
from .jobs import STARTED_PHASES, UNRECOGNIZED
from .listing import Listing


Labels = Mapping[str, str]

_PROJECT_INFO_LABELS: Final = (
    "project",
    "project_id",
    "cloud",
    "cloud_region",
    "training_api",
)


def families(
    reports: Sequence[Report], projects: Sequence[Project], bounds: Sequence[float]
) -> list[Metric]:
    """
    Return all families of a scrape, each once, with the samples of all reports.

    `bounds` are the upper bounds of the duration histograms, in seconds.
    """
    labels: list[Labels] = [
        {"project": report.project.name, "kind": report.kind.value}
        for report in reports
    ]
    listed = [
        (own, report.outcome.result)
        for own, report in zip(labels, reports, strict=True)
        if isinstance(report.outcome.result, Listing)
    ]
    return [
        _gauge(
            "modelarts_up",
            "1 if the project's jobs of this kind were collected completely, else 0.",
            [
                (own, float(isinstance(report.outcome.result, Listing)))
                for own, report in zip(labels, reports, strict=True)
            ],
        ),
        *_job_families(listed, bounds),
        *_collection_families(labels, reports),
        _project_info(projects),
    ]


def _job_families(
    listed: list[tuple[Labels, Listing]], bounds: Sequence[float]
) -> Iterator[Metric]:
    yield _gauge(
        "modelarts_jobs",
        "Number of jobs that exist, by the API's status and the phase it belongs to.",
        _jobs(listed),
    )
    yield _gauge(
        "modelarts_job_quota",
        "How many jobs may run at the same time (v1: quotas).",
        _known((own, listing.quota.running) for own, listing in listed),
    )
    yield _gauge(
        "modelarts_created_jobs",
        "How many jobs exist by the API's own count (v1: job_total_count).",
        _known((own, listing.quota.created) for own, listing in listed),
    )
    yield _gauge(
        "modelarts_job_count_limit",
        "How many more jobs can be created (v1: job_count_limit).",
        _known((own, listing.quota.remaining) for own, listing in listed),
    )
    yield _durations(listed, bounds)
    yield _gauge(
        "modelarts_job_longest_duration_seconds",
        "The longest running duration of the jobs listed now.",
        [
            ({**own, "phase": phase}, durations.longest_milliseconds / 1000)
            for own, listing in listed
            for phase, durations in listing.tally.durations.items()
            if durations.number
        ],
    )
    yield _gauge(
        "modelarts_job_oldest_created_timestamp_seconds",
        "When the oldest unfinished job was created, in Unix time.",
        [
            ({**own, "phase": phase}, milliseconds / 1000)
            for own, listing in listed
            for phase, milliseconds in listing.tally.oldest_created.items()
        ],
    )
    yield _gauge(
        "modelarts_listing_complete",
        "1 if all jobs were listed, 0 if finished ones were only counted.",
        [(own, 1.0) for own, _ in listed],
    )


def _collection_families(
    labels: Sequence[Labels], reports: Sequence[Report]
) -> Iterator[Metric]:
    pairs = list(zip(labels, reports, strict=True))
    yield _gauge(
        "modelarts_collection_duration_seconds",
        "Time that the last collection took.",
        [(own, report.outcome.seconds) for own, report in pairs],
    )
    yield _gauge(
        "modelarts_collection_last_success_timestamp_seconds",
        "When the last complete collection ended, in Unix time.",
        _known((own, report.last_success) for own, report in pairs),
    )
    errors = Metric(
        "modelarts_collection_errors", "Collections that failed, by reason.", "counter"
    )
    errors.samples = [
        Sample(
            "modelarts_collection_errors_total",
            {**own, "reason": reason},
            float(number),
        )
        for own, report in pairs
        for reason, number in report.errors.items()
    ]
    yield errors


def _jobs(listed: list[tuple[Labels, Listing]]) -> Iterator[tuple[Labels, float]]:
    for own, listing in listed:
        statuses = {UNRECOGNIZED: 0, **listing.tally.statuses}
        for status, number in statuses.items():
            yield {**own, "status": status.name, "phase": status.phase}, float(number)


def _durations(listed: list[tuple[Labels, Listing]], bounds: Sequence[float]) -> Metric:
    name = "modelarts_job_duration_seconds"
    family = Metric(
        name, "Running durations of the jobs listed now, by phase.", "gaugehistogram"
    )
    limits = [floatToGoString(bound) for bound in bounds]
    for own, listing in listed:
        for phase in STARTED_PHASES:
            durations = listing.tally.durations[phase]
            labels = {**own, "phase": phase.value}
            number = float(durations.number)
            family.samples += [
                *(
                    Sample(f"{name}_bucket", {**labels, "le": limit}, float(count))
                    for limit, count in zip(limits, durations.counts, strict=True)
                ),
                Sample(f"{name}_bucket", {**labels, "le": "+Inf"}, number),
                Sample(f"{name}_gcount", labels, number),
                Sample(f"{name}_gsum", labels, durations.sum_milliseconds / 1000),
            ]
    return family


def _project_info(projects: Sequence[Project]) -> Metric:
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


def _gauge(
    name: str, documentation: str, samples: Iterable[tuple[Labels, float]]
) -> Metric:
    family = Metric(name, documentation, "gauge")
    family.samples = [Sample(name, dict(labels), value) for labels, value in samples]
    return family


def _known(
    samples: Iterable[tuple[Labels, float | None]],
) -> list[tuple[Labels, float]]:
    return [(labels, float(value)) for labels, value in samples if value is not None]
