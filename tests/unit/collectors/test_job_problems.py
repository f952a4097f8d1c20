"""The status page finds the same problems with limits as the alerts."""

import pytest

from exporter.collectors import alerts
from exporter.collectors.jobs.aggregates import JobCounts
from exporter.collectors.jobs.problems import job_problems
from exporter.collectors.jobs.quota import JobQuota
from exporter.collectors.jobs.statuses import V1_STATUSES


@pytest.mark.parametrize(
    ("running", "waiting", "quota", "expected"),
    [
        (0, 3, JobQuota(running=0), alerts.RUNNING_QUOTA_FULL),
        (0, 0, JobQuota(running=0), None),
        (7, 3, JobQuota(running=8), None),
        (8, 3, JobQuota(running=8), alerts.RUNNING_QUOTA_FULL),
        (8, 3, JobQuota(), None),
        (0, 0, JobQuota(created=0, remaining=0), None),
        (0, 0, JobQuota(created=5, remaining=0), alerts.NO_JOB_CAN_BE_CREATED),
        (0, 0, JobQuota(remaining=0), alerts.NO_JOB_CAN_BE_CREATED),
    ],
)
def test_limits(running, waiting, quota, expected):
    """A quota of 0 keeps jobs waiting; a limit of 0 needs jobs to delete."""
    counts = JobCounts((), {V1_STATUSES[8]: running, V1_STATUSES[7]: waiting})
    problems = job_problems(counts, quota, None, 0.0, alerts.Thresholds())
    found = [problem.alert for problem in problems]

    assert found == ([expected] if expected else [])
