"""Numbers, durations and ages of jobs, added up page by page."""

import pytest

from exporter.collectors.jobs.aggregates import DurationHistogram, empty_counts
from exporter.collectors.jobs.statuses import V1_STATUSES, Phase
from exporter.collectors.statuses import UNRECOGNIZED


RUNNING, WAITING, COMPLETED = V1_STATUSES[8], V1_STATUSES[7], V1_STATUSES[10]


def test_a_histogram():
    """Counts are cumulative, and a bucket includes its bound."""
    histogram = DurationHistogram([0, 0])
    histogram.add((1000, 2000), [2001, 1000, 999])
    histogram.add((1000, 2000), [1500])

    assert histogram.counts == [2, 3]
    assert histogram.number == 4
    assert histogram.seconds == pytest.approx(5.5)
    assert histogram.longest_milliseconds == 2001


def test_jobs_that_have_just_started():
    """A duration of 0 counts as a duration."""
    histogram = DurationHistogram([0])
    histogram.add((10,), [0])

    assert histogram == DurationHistogram([1], 1, 0, 0)


def test_a_copy_of_a_histogram_is_its_own():
    """Durations added to the histogram do not change its copy."""
    histogram = DurationHistogram([0])
    histogram.add((10,), [5])
    copy = histogram.copy()
    histogram.add((10,), [7])

    assert copy == DurationHistogram([1], 1, 5, 5)
    assert histogram == DurationHistogram([2], 2, 12, 7)


def counted(*jobs):
    """Return counts of jobs: a status, durations and creation times."""
    counts = empty_counts((10,), [RUNNING, WAITING, COMPLETED])
    for status, durations, created in jobs:
        counts.add(status, max(len(durations), len(created)), durations, created)
    return counts


def test_jobs_by_status():
    """Unknown statuses are counted, too; durations are kept by phase."""
    counts = counted(
        (RUNNING, [5, 20], [300, 200]),
        (RUNNING, [6], [400]),
        (WAITING, [1], [100]),
        (COMPLETED, [7], [50]),
        (UNRECOGNIZED, [], [60]),
    )

    assert counts.number == 6
    assert counts.statuses == {RUNNING: 3, WAITING: 1, COMPLETED: 1, UNRECOGNIZED: 1}
    assert counts.durations[Phase.RUNNING] == DurationHistogram([2], 3, 31, 20)
    assert counts.durations[Phase.SUCCEEDED] == DurationHistogram([1], 1, 7, 7)
    # A job that has not started has no duration, and a finished one has no age.
    assert Phase.PENDING not in counts.durations
    assert counts.oldest_created == {Phase.RUNNING: 200, Phase.PENDING: 100}


def test_counts_of_other_jobs_are_added():
    """Adding counts is the same as counting all jobs together."""
    first = [(RUNNING, [5, 20], [300, 200])]
    second = [(RUNNING, [30], [100]), (WAITING, [], [90]), (UNRECOGNIZED, [], [70])]
    for one, other in ((first, second), (second, first)):
        counts = counted(*one)
        counts.absorb(counted(*other))

        assert counts == counted(*one, *other)
        assert counts.oldest_created[Phase.RUNNING] == 100
