"""What a snapshot keeps of pages, and how completions are found in it."""

import pytest

from exporter.collectors.jobs.aggregates import empty_counts
from exporter.collectors.jobs.completions import (
    FIRST_COLLECTION,
    OVERLAP_MILLISECONDS,
    Baseline,
    CompletionObserver,
    CompletionTracker,
)
from exporter.collectors.jobs.job import Job
from exporter.collectors.jobs.pages import Page
from exporter.collectors.jobs.quota import JobQuota
from exporter.collectors.jobs.snapshot import Snapshot
from exporter.collectors.jobs.statuses import V1_STATUSES
from exporter.collectors.jobs.v1_schema import V1Job, v1_status
from exporter.collectors.phases import Phase


WAITING, RUNNING, SUCCEEDED, FAILED = (V1_STATUSES[code] for code in (7, 8, 10, 11))
START = 1_600_000_000_000
NOW = 1_700_000_000.0
"""A time long after the start."""


def row(number, status, created=0, duration=None):
    """Return a row of a job that was created this long after the start."""
    return V1Job(number, f"job-{number}", status, START + created, duration)


def page(*rows, quota=None):
    """Return a page that ends its list."""
    return Page(rows, len(rows), NOW, quota or JobQuota())


def snapshot(*pages):
    """Return a snapshot of all jobs on these pages."""
    taken = Snapshot(
        empty_counts((10, 100), (WAITING, RUNNING, SUCCEEDED, FAILED)), v1_status
    )
    for one in pages:
        taken.add(one, one.rows)
    return taken


def test_the_jobs_of_pages():
    """All jobs are counted; unfinished ones are kept, with durations and dates."""
    quota = JobQuota(running=5)
    taken = snapshot(
        page(row(1, 10, 1, 50), row(2, 8, 2, 0), row(3, 8, 3, -1), row(4, 7, 5)),
        page(row(5, 7, 4), row(6, 8, 6, 10), row(7, 99, 7), quota=quota),
    )
    counts = taken.counts

    assert [counts.statuses[status] for status in (WAITING, RUNNING, SUCCEEDED)] == [
        2,
        3,
        1,
    ]
    assert (counts.number, taken.complete, taken.quota) == (7, True, quota)
    assert set(taken.unfinished) == {2, 3, 4, 5, 6, 7}
    assert taken.unfinished[6] == Job(6, "job-6", RUNNING, START + 6, 10)
    assert counts.durations[Phase.RUNNING].counts == [2, 2]
    assert counts.durations[Phase.RUNNING].number == 2
    assert counts.durations[Phase.SUCCEEDED].counts == [0, 1]
    assert counts.oldest_created == {
        Phase.RUNNING: START + 2,
        Phase.PENDING: START + 4,
    }


def test_some_jobs_of_a_page():
    """Jobs that were counted before are observed, but not counted again."""
    taken = snapshot()
    taken.add(page(row(1, 8), row(2, 8), row(3, 10)), [row(2, 8)])

    assert taken.counts.number == 1
    assert set(taken.unfinished) == {2}
    assert set(taken.observer.unfinished) == {1, 2}


def test_snapshots_of_two_queries():
    """A snapshot takes over another one's jobs and observations."""
    running, waiting = snapshot(page(row(1, 8, 5))), snapshot(page(row(2, 7, 9)))
    running.absorb(waiting)

    assert running.counts.number == 2
    assert set(running.unfinished) == {1, 2}
    assert set(running.observer.unfinished) == {1, 2}
    assert running.observer.newest == START + 9


def observed(baseline, *rows, answered_at=NOW):
    """Return what was observed on a page."""
    observer = CompletionObserver(baseline, v1_status)
    observer.observe(Page(rows, len(rows), answered_at))
    return observer


def job(number, created, status=RUNNING):
    """Return a job that was created this long after the start."""
    return Job(number, f"job-{number}", status, START + created)


@pytest.mark.parametrize(
    ("number", "created", "is_completion"),
    [
        (1, 0, True),
        (1, None, True),
        (2, 99, False),
        (2, 100, False),
        (3, 99, False),
        (3, 100, True),
        (3, None, False),
    ],
)
def test_which_jobs_are_completions(number, created, is_completion):
    """A completion was unfinished in the baseline, or was created since."""
    baseline = Baseline({1: job(1, 0)}, {2: START + 100}, START + 100)
    at = None if created is None else START + created
    finished = Job(number, "", SUCCEEDED, at)

    assert baseline.is_completion(finished) is is_completion
    assert not FIRST_COLLECTION.is_completion(finished)


def test_which_finished_jobs_matter():
    """Jobs matter that were unfinished in the baseline, or created since then."""
    baseline = Baseline({1: job(1, 0)}, {}, START + 100)
    seen = observed(
        baseline, row(1, 10), row(2, 10, 99), row(3, 10, 100), row(4, 8, 101)
    )

    assert set(seen.finished) == {1, 3}
    assert set(seen.unfinished) == {4}
    # A page of old jobs, none of which the baseline has as unfinished.
    assert observed(baseline, row(2, 10, 99)).finished == {}
    # A page with jobs without dates.
    undated = V1Job(5, "a", 10, None)
    assert observed(baseline, undated).finished == {}
    assert set(observed(baseline, undated, row(3, 10, 100)).finished) == {3}
    assert set(observed(baseline, row(3, 10, 100), undated).finished) == {3}


def test_the_first_time_young_jobs_matter():
    """At first, jobs matter that were created within ten minutes of the newest."""
    late = OVERLAP_MILLISECONDS
    rows = [row(1, 10, 0), row(2, 10, 1), row(3, 10, late), row(4, 8, late + 1)]
    seen = observed(FIRST_COLLECTION, *rows)

    assert set(seen.finished) == {2, 3}
    assert seen.next_baseline() == Baseline(
        {4: job(4, late + 1)}, {2: START + 1, 3: START + late}, START + 1
    )


def test_the_overlap_is_ten_minutes():
    """The overlap limits what is remembered."""
    seen = observed(FIRST_COLLECTION, row(1, 8, 700_000))

    assert seen.next_baseline().since == START + 100_000


def test_a_date_in_the_future():
    """A creation time in the future hides no later job."""
    seen = observed(FIRST_COLLECTION, row(1, 8, 5000), answered_at=START / 1000 + 1)

    assert seen.newest == START + 1000


def test_which_jobs_are_remembered():
    """Unfinished jobs and young finished ones are remembered; time never goes back."""
    baseline = Baseline(
        {1: job(1, 0)}, {2: START + 99, 3: START + 700_000}, START + 500_000
    )
    seen = CompletionObserver(baseline, v1_status)
    # One finishes between two pages, and appears on both.
    seen.observe(page(row(1, 8, 0), row(4, 8, 800_000)))
    seen.observe(page(row(1, 10, 0), row(5, 10, 900_000)))
    after = seen.next_baseline()

    assert set(after.unfinished) == {4}
    assert after.recent == {3: START + 700_000, 5: START + 900_000}
    assert after.since == START + 500_000


def test_without_jobs_nothing_is_remembered():
    """All jobs of the next collection have been created since."""
    after = observed(FIRST_COLLECTION).next_baseline()

    assert observed(FIRST_COLLECTION).horizon is None
    assert after == Baseline({}, {}, 0)
    assert CompletionObserver(after, v1_status).horizon == 0


def test_the_counters():
    """Each completion counts once, by phase, with its duration if it has run."""
    tracker = CompletionTracker((10, 100))

    def collect(*rows):
        observer = CompletionObserver(tracker.baseline, v1_status)
        observer.observe(page(*rows))
        tracker.record(observer)
        return tracker.so_far

    assert set(collect(row(1, 8), row(2, 8), row(3, 7)).numbers.values()) == {0}
    for _ in range(2):
        so_far = collect(row(1, 10, 0, 50), row(2, 10, 0, 5), row(3, 11))
    assert so_far.numbers[Phase.SUCCEEDED] == 2
    assert so_far.numbers[Phase.FAILED] == 1
    assert so_far.durations[Phase.SUCCEEDED].counts == [1, 2]
    assert so_far.durations[Phase.SUCCEEDED].sum_milliseconds == 55
    assert so_far.durations[Phase.FAILED].number == 0

    collect(row(4, 10, 1, 7))
    # The counters that were returned do not change.
    assert so_far.numbers[Phase.SUCCEEDED] == 2
    assert so_far.durations[Phase.SUCCEEDED].number == 2
    assert tracker.so_far.numbers[Phase.SUCCEEDED] == 3
