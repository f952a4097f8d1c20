"""
All metric families of a scrape: products, collections and projects.

Families are built anew for each scrape; unknown values have no sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.samples import Sample

from ..collectors.base import Reading, Registry
from ..config import Prices, Project
from ..errors import Failure
from ..metrics.labels import Labels
from ..metrics.samples import gauge, known
from .results import Report


_PROJECT_INFO_LABELS: Final = (
    "project",
    "project_id",
    "cloud",
    "cloud_region",
    "workspace_id",
    "discovered",
)


def up(reports: Sequence[Report]) -> Metric:
    """Return the family that says whether each project and kind was collected."""
    return gauge(
        "modelarts_up",
        "1 if this was collected completely from the project, else 0.",
        [
            (
                report.labels.own,
                float(not isinstance(report.outcome.result, Failure)),
            )
            for report in reports
            if not report.is_absent
        ],
    )


def offered(reports: Sequence[Report]) -> Metric:
    """Return the family that says which APIs the cloud offers."""
    return gauge(
        "modelarts_offered",
        "0 if the cloud does not offer this API to the project, else 1.",
        [(report.labels.own, float(report.is_offered)) for report in reports],
    )


def listing_complete(readings: Sequence[Reading]) -> Metric:
    """Return the family that says where objects were missing from a list."""
    return gauge(
        "modelarts_listing_complete",
        "1 if all objects were listed, 0 if some were only counted or may not be listed.",
        [
            (reading.labels, float(reading.is_complete))
            for reading in readings
            if reading.is_complete is not None
        ],
    )


def collection_families(reports: Sequence[Report]) -> Iterator[Metric]:
    """Return durations, last successes and failures of collections."""
    yield gauge(
        "modelarts_collection_duration_seconds",
        "Duration of the last collection.",
        [(report.labels.own, report.outcome.seconds) for report in reports],
    )
    yield gauge(
        "modelarts_collection_last_success_timestamp_seconds",
        "When the last complete collection ended, in Unix time.",
        known((report.labels.own, report.last_success) for report in reports),
    )
    name = "modelarts_collection_errors"
    errors = Metric(name, "Collections that failed, by reason.", "counter")
    errors.samples = [
        Sample(f"{name}_total", labels, float(report.errors[reason]))
        for report in reports
        for reason, labels in report.labels.reasons.items()
    ]
    yield errors


def project_info(projects: Sequence[Project]) -> Metric:
    """Return the projects' IDs, clouds and labels, configured and discovered."""
    extra = sorted({name for project in projects for name, _ in project.labels})
    family = GaugeMetricFamily(
        "modelarts_project_info",
        "1; a project's ID, cloud, region, workspace and configured labels.",
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
                project.workspace_id,
                str(project.is_discovered).lower(),
                *(configured.get(name, "") for name in extra),
            ],
            1.0,
        )
    return family


def flavor_prices(prices: Prices | None) -> list[Metric]:
    """Return the family of configured prices, or none."""
    if prices is None:
        return []
    samples = [
        (Labels(flavor=flavor, currency=prices.currency), price)
        for flavor, price in prices.flavors
    ]
    help_text = "What a node of a flavor costs an hour, as configured."
    return [gauge("modelarts_flavor_price_per_hour", help_text, samples)]


def families(
    registry: Registry, reports: Sequence[Report], projects: Sequence[Project]
) -> list[Metric]:
    """Return all families of a scrape, with the samples of all reports."""
    readings = [report.reading for report in reports if report.reading is not None]
    return [
        up(reports),
        offered(reports),
        *registry.families(readings),
        listing_complete(readings),
        *collection_families([report for report in reports if not report.is_absent]),
        project_info(projects),
    ]
