"""
Every metric about projects and jobs: its name, help text and labels, and its samples.

Families are new for each scrape; what is not known has no sample.
"""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Metric
from prometheus_client.utils import floatToGoString

from ..config import Project
from ..report import Listing, Report
from .collection import collection_families, ended_families, project_info, up
from .listing import job_families
from .target import target_labels


__all__ = ["families"]


def families(
    reports: Sequence[Report], projects: Sequence[Project], bounds: Sequence[float]
) -> list[Metric]:
    """
    Return all families of a scrape, each once, with the samples of all reports.

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
        *ended_families(reported),
        *collection_families(reported),
        project_info(projects),
    ]
