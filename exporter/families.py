"""
Every metric about projects and jobs: its name, help text and labels, and its samples.

Families are new for each scrape; what is not known has no sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

from .collection import Report
from .config import Project
from .errors import Reason
from .jobs import STARTED_PHASES, UNRECOGNIZED, V1_STATUSES, Kind, Phase
from .labels import Labels
from .listing import Listing


_MOST_KEPT: Final = 20_000
"""Projects and kinds whose labels are kept from scrape to scrape."""

_PROJECT_INFO_LABELS: Final = (
    "project",
    "project_id",
    "cloud",
    "cloud_region",
    "training_api",
)


class _Target:
    """The labels of all series of one project and kind."""

    def __init__(self, project: str, kind: Kind, limits: tuple[str, ...]) -> None:
        self.own = Labels(project=project, kind=kind.value)
        self.statuses = {
            status: self.own.plus(status=status.name, phase=status.phase.value)
            for status in (UNRECOGNIZED, *V1_STATUSES.values())
        }
        self.phases = {phase: self.own.plus(phase=phase.value) for phase in Phase}
        self.buckets = {
            phase: [self.phases[phase].plus(le=limit) for limit in limits]
            for phase in STARTED_PHASES
        }
        self.reasons = {reason: self.own.plus(reason=reason.value) for reason in Reason}


_target: Final = lru_cache(maxsize=_MOST_KEPT)(_Target)

Reported = list[tuple[_Target, Report]]
Listed = list[tuple[_Target, Listing]]


def families(
    reports: Sequence[Report], projects: Sequence[Project], bounds: Sequence[float]
) -> list[Metric]:
    """
    Return all families of a scrape, each once, with the samples of all reports.

    `bounds` are the upper bounds of the duration histograms, in seconds.
    """
    limits = (*(floatToGoString(bound) for bound in bounds), "+Inf")
    reported = [
        (_target(report.project.name, report.kind, limits), report)
        for report in reports
    ]
    listed = [
        (target, report.outcome.result)
        for target, report in reported
        if isinstance(report.outcome.result, Listing)
    ]
    return [
        _gauge(
            "modelarts_up",
            "1 if the project's jobs of this kind were collected completely, else 0.",
            [
                (target.own, float(isinstance(report.outcome.result, Listing)))
                for target, report in reported
            ],
        ),
        *_job_families(listed),
        *_collection_families(reported),
        _project_info(projects),
    ]


def _job_families(listed: Listed) -> Iterator[Metric]:
    yield _gauge(
        "modelarts_jobs",
        "Number of jobs that exist, by the API's status and the phase it belongs to.",
        [
            (labels, float(listing.tally.statuses.get(status, 0)))
            for target, listing in listed
            for status, labels in target.statuses.items()
        ],
    )
    yield _gauge(
        "modelarts_job_quota",
        "How many jobs may run at the same time (v1: quotas).",
        _known((target.own, listing.quota.running) for target, listing in listed),
    )
    yield _gauge(
        "modelarts_created_jobs",
        "How many jobs exist by the API's own count (v1: job_total_count).",
        _known((target.own, listing.quota.created) for target, listing in listed),
    )
    yield _gauge(
        "modelarts_job_count_limit",
        "How many more jobs can be created (v1: job_count_limit).",
        _known((target.own, listing.quota.remaining) for target, listing in listed),
    )
    yield _durations(listed)
    yield _gauge(
        "modelarts_job_longest_duration_seconds",
        "The longest running duration of the jobs listed now.",
        [
            (target.phases[phase], durations.longest_milliseconds / 1000)
            for target, listing in listed
            for phase, durations in listing.tally.durations.items()
            if durations.number
        ],
    )
    yield _gauge(
        "modelarts_job_oldest_created_timestamp_seconds",
        "When the oldest unfinished job was created, in Unix time.",
        [
            (target.phases[phase], milliseconds / 1000)
            for target, listing in listed
            for phase, milliseconds in listing.tally.oldest_created.items()
        ],
    )
    yield _gauge(
        "modelarts_listing_complete",
        "1 if all jobs were listed, 0 if finished ones were only counted.",
        [(target.own, 1.0) for target, _ in listed],
    )


def _collection_families(reported: Reported) -> Iterator[Metric]:
    yield _gauge(
        "modelarts_collection_duration_seconds",
        "Time that the last collection took.",
        [(target.own, report.outcome.seconds) for target, report in reported],
    )
    yield _gauge(
        "modelarts_collection_last_success_timestamp_seconds",
        "When the last complete collection ended, in Unix time.",
        _known((target.own, report.last_success) for target, report in reported),
    )
    name = "modelarts_collection_errors"
    errors = Metric(name, "Collections that failed, by reason.", "counter")
    errors.samples = [
        Sample(f"{name}_total", labels, float(report.errors[reason]))
        for target, report in reported
        for reason, labels in target.reasons.items()
    ]
    yield errors


def _durations(listed: Listed) -> Metric:
    name = "modelarts_job_duration_seconds"
    bucket, gcount, gsum = f"{name}_bucket", f"{name}_gcount", f"{name}_gsum"
    family = Metric(
        name, "Running durations of the jobs listed now, by phase.", "gaugehistogram"
    )
    for target, listing in listed:
        for phase, buckets in target.buckets.items():
            durations = listing.tally.durations[phase]
            counts = (*durations.counts, durations.number)
            total = durations.sum_milliseconds / 1000
            family.samples += [
                Sample(bucket, labels, float(count))
                for labels, count in zip(buckets, counts, strict=True)
            ]
            family.samples += [
                Sample(gcount, target.phases[phase], float(durations.number)),
                Sample(gsum, target.phases[phase], total),
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
    family.samples = [Sample(name, labels, value) for labels, value in samples]
    return family


def _known(
    samples: Iterable[tuple[Labels, float | None]],
) -> list[tuple[Labels, float]]:
    return [(labels, float(value)) for labels, value in samples if value is not None]
