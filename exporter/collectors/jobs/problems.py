"""Finds what is wrong with a project's jobs, by the thresholds of the alerts."""

from __future__ import annotations

from collections.abc import Iterator

from ..alerts import (
    CAPACITY_CRITICAL,
    CAPACITY_HIGH,
    JOB_RUNS_LONG,
    JOBS_WAIT_LONG,
    NO_JOB_CAN_BE_CREATED,
    RUNNING_QUOTA_FULL,
    Thresholds,
)
from ..overview import Longest, Problem
from ..phases import Phase
from ..spans import span
from .aggregates import JobCounts
from .quota import JobQuota


def job_problems(
    counts: JobCounts,
    quota: JobQuota,
    longest: Longest | None,
    now: float,
    thresholds: Thresholds,
) -> Iterator[Problem]:
    """Yield what is wrong at the Unix time `now`."""
    yield from _capacity(quota)
    yield from _running_quota(counts, quota)
    yield from _durations(counts, longest, now, thresholds)


def _capacity(quota: JobQuota) -> Iterator[Problem]:
    # Where nothing exists and nothing may, there is nothing to delete either.
    if quota.remaining is None or quota.remaining == quota.created == 0:
        return
    if quota.remaining == NO_JOB_CAN_BE_CREATED.threshold:
        yield Problem(NO_JOB_CAN_BE_CREATED, "no more jobs can be created.")
        return
    if quota.created is None:
        return
    capacity = quota.created + quota.remaining
    used = quota.created / capacity if capacity > 0 else 0.0
    for alert in (CAPACITY_CRITICAL, CAPACITY_HIGH):
        if used > alert.threshold:
            words = f"{quota.created:,} of {capacity:,} possible jobs exist."
            yield Problem(alert, words)
            return


def _running_quota(counts: JobCounts, quota: JobQuota) -> Iterator[Problem]:
    running = pending = 0
    for status, number in counts.statuses.items():
        running += number if status.phase is Phase.RUNNING else 0
        pending += number if status.phase is Phase.PENDING else 0
    if quota.running is None or not pending:
        return
    if running >= quota.running * RUNNING_QUOTA_FULL.threshold:
        words = f"quota full: {running:,} of {quota.running:,} run, {pending:,} wait."
        yield Problem(RUNNING_QUOTA_FULL, words)


def _durations(
    counts: JobCounts, longest: Longest | None, now: float, thresholds: Thresholds
) -> Iterator[Problem]:
    running = counts.durations[Phase.RUNNING].longest_milliseconds / 1000
    if running > thresholds.of(JOB_RUNS_LONG):
        name = f", “{longest.name}” ({longest.reference})" if longest else ""
        words = f"a job has been running for {span(running)}{name}."
        yield Problem(JOB_RUNS_LONG, words)
    created = counts.oldest_created.get(Phase.PENDING)
    waiting = 0.0 if created is None else now - created / 1000
    if waiting > thresholds.of(JOBS_WAIT_LONG):
        words = f"a job has been waiting for {span(waiting)}."
        yield Problem(JOBS_WAIT_LONG, words)
