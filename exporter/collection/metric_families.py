"""
All metric families of a scrape: products, collections and projects.

Families are built anew for each scrape; unknown values have no sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..collectors.base import Reading, Registry
from ..config import Prices, Project
from ..errors import Failure
from ..metrics.family import Family
from ..metrics.labels import Labels
from ..metrics.samples import counter, gauge, known
from .results import Report


def up(reports: Sequence[Report]) -> Family:
    """Return the family that says whether each project and kind was collected."""
    return gauge(
        "modelarts_up",
        "1 if this was collected completely from the project, else 0.",
        (
            (
                report.labels.own,
                float(not isinstance(report.outcome.result, Failure)),
            )
            for report in reports
            if not report.is_absent
        ),
    )


def offered(reports: Sequence[Report]) -> Family:
    """Return the family that says which APIs the cloud offers."""
    return gauge(
        "modelarts_offered",
        "0 if the cloud does not offer this API to the project, else 1.",
        ((report.labels.own, float(report.is_offered)) for report in reports),
    )


def listing_complete(readings: Sequence[Reading]) -> Family:
    """Return the family that says where objects were missing from a list."""
    return gauge(
        "modelarts_listing_complete",
        "1 if all objects were listed, 0 if some were only counted or may not be listed.",
        (
            (reading.labels, float(reading.is_complete))
            for reading in readings
            if reading.is_complete is not None
        ),
    )


def collection_families(reports: Sequence[Report]) -> Iterator[Family]:
    """Return durations, last successes and failures of collections."""
    yield gauge(
        "modelarts_collection_duration_seconds",
        "Duration of the last collection.",
        ((report.labels.own, report.outcome.seconds) for report in reports),
    )
    yield gauge(
        "modelarts_collection_last_success_timestamp_seconds",
        "When the last complete collection ended, in Unix time.",
        known((report.labels.own, report.last_success) for report in reports),
    )
    yield counter(
        "modelarts_collection_errors",
        "Collections that failed, by reason.",
        (
            (labels, float(report.errors[reason]))
            for report in reports
            for reason, labels in report.labels.reasons.items()
        ),
    )


def project_info(projects: Sequence[Project]) -> Family:
    """Return the projects' IDs, clouds and labels, configured and discovered."""
    extra = sorted({name for project in projects for name, _ in project.labels})
    return gauge(
        "modelarts_project_info",
        "1; a project's ID, cloud, region, workspace and configured labels.",
        ((_info(project, extra), 1.0) for project in projects),
    )


def _info(project: Project, extra: Sequence[str]) -> Labels:
    configured = dict(project.labels)
    return Labels(
        project=project.name,
        project_id=project.project_id,
        cloud=project.cloud.name,
        cloud_region=project.cloud.region,
        workspace_id=project.workspace_id,
        discovered=str(project.is_discovered).lower(),
        **{f"label_{name}": configured.get(name, "") for name in extra},
    )


def flavor_prices(prices: Prices | None) -> list[Family]:
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
) -> Iterator[Family]:
    """
    Yield all families of a scrape, with the samples of all reports.

    Read the samples of one before the next is asked for.
    """
    readings = [report.reading for report in reports if report.reading is not None]
    yield up(reports)
    yield offered(reports)
    yield from registry.families(readings)
    yield listing_complete(readings)
    yield from collection_families(
        [report for report in reports if not report.is_absent]
    )
    yield project_info(projects)
