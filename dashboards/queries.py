"""Which series dashboards ask for, and how those of several scrapes become one."""

from __future__ import annotations

from typing import Final


EXPORTER: Final = 'cluster=~"$cluster", job=~"$job", instance=~"$instance"'
"""Selects series of the exporters that are chosen."""

PROJECT: Final = f'{EXPORTER}, project=~"$project"'
JOBS: Final = f'{PROJECT}, kind=~"$kind", api_version=~"$api_version"'
"""Selects series of jobs of the projects, kinds and API versions that are chosen."""

LATEST: Final = "max without (instance, pod)"
"""A pod that replaces another has the same series for a while, which count once."""

ON_PROJECT: Final = "on (cluster, job, project)"
ON_POOL: Final = "on (cluster, job, project, pool)"
ON_TARGET: Final = "on (cluster, job, project, kind, api_version)"


def of_projects(metric: str, labels: str = "") -> str:
    """Return a gauge of the projects that are chosen."""
    return _latest(metric, PROJECT, labels)


def of_jobs(metric: str, labels: str = "") -> str:
    """Return a gauge of the jobs that are chosen."""
    return _latest(metric, JOBS, labels)


def _latest(metric: str, selected: str, labels: str) -> str:
    both = f"{selected}, {labels}" if labels else selected
    return f"{LATEST} ({metric}{{{both}}})"


RUNNING: Final = of_jobs("modelarts_jobs", 'phase="running"')
PENDING: Final = of_jobs("modelarts_jobs", 'phase="pending"')
LONGEST: Final = of_jobs("modelarts_job_longest_duration_seconds", 'phase="running"')
OLDEST_PENDING: Final = of_jobs(
    "modelarts_job_oldest_created_timestamp_seconds", 'phase="pending"'
)


def price() -> str:
    """Return prices by flavor and currency."""
    return f"max by (flavor, currency) (modelarts_flavor_price_per_hour{{{EXPORTER}}})"


def counted(metric: str, labels: str, by: str) -> str:
    """
    Return how much a counter grew within each interval of a panel.

    A rate over one interval and one scrape more, times the interval, is what was added
    between the interval's ends: the sum of all bars is right at any zoom.
    """
    return (
        f"sum by ({by}) (rate({metric}{{{labels}}}[$__rate_interval])) "
        "* $__interval_ms / 1000"
    )
