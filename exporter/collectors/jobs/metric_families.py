"""
Metric families of jobs: numbers, limits, durations, job series, finished jobs.

Families are built anew for each scrape; unknown values have no sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import Metric
from prometheus_client.samples import Sample

from ...metrics.labels import Labels
from ...metrics.samples import gauge, known, seconds
from ..base import Reading
from .aggregates import DurationHistogram
from .listing import Listing
from .reading import JobReading, Listed
from .resource_families import resource_families


def job_families(readings: Sequence[Reading]) -> Iterator[Metric]:
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


def _limits(listed: Listed) -> Iterator[Metric]:
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


def _durations(listed: Listed) -> Iterator[Metric]:
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


def _histogram(listed: Listed) -> Metric:
    name = "modelarts_job_duration_seconds"
    bucket, gcount, gsum = f"{name}_bucket", f"{name}_gcount", f"{name}_gsum"
    family = Metric(
        name,
        "Running durations of the jobs in the current listing, by phase.",
        "gaugehistogram",
    )
    for target, listing in listed:
        for phase, buckets in target.buckets.items():
            durations = listing.counts.durations[phase]
            if durations.number:
                family.samples += _bucket_samples(bucket, buckets, durations)
                family.samples += [
                    Sample(gcount, target.phases[phase], float(durations.number)),
                    Sample(gsum, target.phases[phase], durations.seconds),
                ]
    return family


def _job_series(listed: Listed) -> Iterator[Metric]:
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


def _finished_jobs(readings: Sequence[JobReading]) -> Iterator[Metric]:
    name = "modelarts_jobs_finished"
    numbers = Metric(
        name, "Finished jobs observed since the exporter's first collection.", "counter"
    )
    numbers.samples = [
        Sample(f"{name}_total", reading.job_labels.phases[phase], float(number))
        for reading in readings
        for phase, number in reading.completions.numbers.items()
    ]
    yield numbers
    name = "modelarts_finished_job_duration_seconds"
    family = Metric(
        name,
        "Running durations of the finished jobs observed, where the API reports them.",
        "histogram",
    )
    # In a project without jobs, they would be most of its series.
    for reading in (reading for reading in readings if reading.has_had_jobs):
        for phase, durations in reading.completions.durations.items():
            labels = reading.job_labels.phases[phase]
            buckets = reading.job_labels.buckets[phase]
            family.samples += _bucket_samples(f"{name}_bucket", buckets, durations)
            family.samples += [
                Sample(f"{name}_count", labels, float(durations.number)),
                Sample(f"{name}_sum", labels, durations.seconds),
            ]
    yield family


def _bucket_samples(
    name: str, buckets: Iterable[Labels], durations: DurationHistogram
) -> Iterable[Sample]:
    counts = (*durations.counts, durations.number)
    for labels, count in zip(buckets, counts, strict=True):
        yield Sample(name, labels, float(count))
