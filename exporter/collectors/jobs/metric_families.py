"""
Metric families of jobs: numbers, limits, durations, job series, finished jobs.

Families are built anew for each scrape; unknown values have no sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...metrics.family import Family, Lines, line
from ...metrics.samples import counter, gauge, known, seconds
from ..base import Reading
from ..phases import Phase
from .aggregates import DurationHistogram
from .labels import JobLabels
from .listing import Listing
from .reading import JobReading, Listed
from .resource_families import resource_families
from .statuses import STARTED_PHASES


def job_families(readings: Sequence[Reading]) -> Iterator[Family]:
    """Yield the families of both kinds of jobs."""
    jobs = [reading for reading in readings if isinstance(reading, JobReading)]
    listed = [
        (reading.job_labels, reading.snapshot)
        for reading in jobs
        if isinstance(reading.snapshot, Listing)
    ]
    yield gauge(
        "modelarts_jobs",
        "Number of existing jobs, by the API's status and the phase it belongs to.",
        [
            (reading.job_labels.statuses[status], float(number))
            for reading in jobs
            for status, number in reading.numbers.items()
        ],
    )
    yield from _limits(listed)
    yield from _durations(listed)
    yield from resource_families(listed)
    yield from _job_series(listed)
    yield from _finished_jobs(jobs)


def _limits(listed: Listed) -> Iterator[Family]:
    yield gauge(
        "modelarts_running_job_quota",
        "Limit of running jobs (v1: quotas).",
        known((target.own, listing.quota.running) for target, listing in listed),
    )
    yield gauge(
        "modelarts_created_jobs",
        "Number of existing jobs as counted by the API (v1: job_total_count; v2: used, "
        "or total).",
        known((target.own, listing.quota.created) for target, listing in listed),
    )
    yield gauge(
        "modelarts_job_count_limit_remaining",
        "Number of jobs that can still be created (v1: job_count_limit; v2: quota minus "
        "used).",
        known((target.own, listing.quota.remaining) for target, listing in listed),
    )


def _durations(listed: Listed) -> Iterator[Family]:
    yield _histogram(listed)
    yield gauge(
        "modelarts_job_longest_duration_seconds",
        "The longest running duration of the jobs in the current listing.",
        [
            (target.phases[phase], durations.longest_milliseconds / 1000)
            for target, listing in listed
            for phase, durations in listing.counts.durations.items()
            if durations.number
        ],
    )
    yield gauge(
        "modelarts_job_oldest_created_timestamp_seconds",
        "When the oldest unfinished job was created, in Unix time.",
        [
            (target.phases[phase], milliseconds / 1000)
            for target, listing in listed
            for phase, milliseconds in listing.counts.oldest_created.items()
        ],
    )


def _histogram(listed: Listed) -> Family:
    name = "modelarts_job_duration_seconds"
    return Family(
        name,
        "Running durations of the jobs in the current listing, by phase.",
        "gaugehistogram",
        (
            lines
            for target, listing in listed
            for phase in STARTED_PHASES
            if (durations := listing.counts.durations[phase]).number
            for lines in _histogram_lines(
                name, target, phase, durations, ("gcount", "gsum")
            )
        ),
    )


def _job_series(listed: Listed) -> Iterator[Family]:
    shown = [
        (target.own.plus(job_id=str(job.job_id)), job, listing)
        for target, listing in listed
        if listing.selection is not None
        for job in listing.selection.jobs
    ]
    yield gauge(
        "modelarts_job_info",
        "1 for each unfinished job, if job_series is enabled.",
        [
            (
                labels.plus(
                    job_name=job.name,
                    status=job.status.name,
                    phase=job.status.phase.value,
                ),
                1.0,
            )
            for labels, job, _ in shown
        ],
    )
    yield gauge(
        "modelarts_job_run_duration_seconds",
        "How long an unfinished job has run.",
        seconds((labels, job.duration) for labels, job, _ in shown),
    )
    yield gauge(
        "modelarts_job_created_timestamp_seconds",
        "When an unfinished job was created, in Unix time.",
        seconds((labels, job.created) for labels, job, _ in shown),
    )
    yield gauge(
        "modelarts_job_remaining_duration_seconds",
        "Time until an unfinished visualization job stops automatically.",
        seconds(
            (labels, listing.remaining.get(job.job_id))
            for labels, job, listing in shown
        ),
    )
    yield gauge(
        "modelarts_job_series_dropped",
        "Unfinished jobs beyond max_per_project, which have no series.",
        [
            (target.own, float(listing.selection.dropped))
            for target, listing in listed
            if listing.selection is not None
        ],
    )


def _finished_jobs(readings: Sequence[JobReading]) -> Iterator[Family]:
    yield counter(
        "modelarts_jobs_finished",
        "Finished jobs observed since the exporter's first collection.",
        (
            (reading.job_labels.phases[phase], float(number))
            for reading in readings
            for phase, number in reading.completions.numbers.items()
        ),
    )
    name = "modelarts_finished_job_duration_seconds"
    yield Family(
        name,
        "Running durations of the finished jobs observed, where the API reports them.",
        "histogram",
        (
            lines
            for reading in readings
            # In a project without jobs, they would be most of its series.
            if reading.has_had_jobs
            for phase, durations in reading.completions.durations.items()
            for lines in _histogram_lines(
                name, reading.job_labels, phase, durations, ("count", "sum")
            )
        ),
    )


def _histogram_lines(
    name: str,
    target: JobLabels,
    phase: Phase,
    durations: DurationHistogram,
    suffixes: tuple[str, str],
) -> Iterator[Lines]:
    labels = target.phases[phase]
    number, total = (f"{name}_{suffix}" for suffix in suffixes)
    buckets = target.buckets(f"{name}_bucket", phase)
    yield buckets.lines((*durations.counts, durations.number))
    yield line(number, labels, float(durations.number))
    yield line(total, labels, durations.seconds)
