"""Which requests look for the jobs that have finished where jobs are only counted."""

import asyncio

import pytest

from moving import DESCRIBED, paging

from exporter.collectors.contradictions import ContradictionError
from exporter.collectors.jobs.aggregates import empty_counts
from exporter.collectors.jobs.api import NEWEST_JOBS, Query
from exporter.collectors.jobs.completion_search import find_completions
from exporter.collectors.jobs.completions import FIRST_COLLECTION, Baseline
from exporter.collectors.jobs.job import Job
from exporter.collectors.jobs.pages import Page
from exporter.collectors.jobs.paginator import PagingHints
from exporter.collectors.jobs.snapshot import Snapshot
from exporter.collectors.jobs.statuses import V1_STATUSES
from exporter.collectors.jobs.v1_schema import V1Job, v1_status


SIZE = 3
NOW = 1_700_000_000.0
START = 1_600_000_000_000
DESCRIBED_V1, _ = DESCRIBED["v1"]


def job(number, name="other", status=10, created=None):
    """Return a row: job `number` is created `number` milliseconds after the start."""
    return V1Job(
        number, name, status, START + number if created is None else created, 5
    )


def unfinished(number, name):
    """Return a job of the baseline that was running."""
    return Job(number, name, V1_STATUSES[8], START + number)


class Listed:
    """An API with these jobs, the oldest first; it remembers what it was asked."""

    def __init__(self, *jobs, ignores_names=False):
        self.jobs = list(jobs)
        self.ignores_names = ignores_names
        self.asked = []

    async def fetch(self, query, number, size):
        """Answer a page."""
        assert size == SIZE
        order = "newest" if query.newest_first else "oldest"
        self.asked.append((query.name or query.statuses, order, number))
        return self.page(query, number)

    def page(self, query, number):
        """Return a page as it is."""
        wanted = {status.name for status in query.statuses}
        found = [
            one
            for one in self.jobs
            if (query.name.casefold() in str(one.job_name).casefold())
            or self.ignores_names
            if not wanted or V1_STATUSES[one.status].name in wanted
        ]
        if query.newest_first:
            found.reverse()
        return Page(found[(number - 1) * SIZE : number * SIZE], len(found), NOW)


def found_by(api, baseline, *, sees=(), newest=None, complete=False):
    """Search; return the IDs of the finished jobs that the observer knows by then."""
    snapshot = Snapshot(
        empty_counts((), V1_STATUSES.values()), v1_status, baseline, complete=complete
    )
    snapshot.newest_page = newest
    for row in sees:
        snapshot.observer.observe(Page([row], 1, NOW))
    paginator = paging(
        DESCRIBED_V1,
        api.fetch,
        PagingHints(SIZE),
        lambda: Snapshot(empty_counts((), V1_STATUSES.values()), v1_status),
    )
    asyncio.run(find_completions(paginator, snapshot))
    assert complete or snapshot.newest_page is None
    return set(snapshot.observer.finished)


def known(*jobs, since=START + 10_000):
    """Return the baseline of a collection that saw these jobs unfinished."""
    return Baseline({one.job_id: one for one in jobs}, {}, since)


def test_a_complete_listing_needs_no_search():
    """All jobs were seen."""
    api = Listed(job(1, "one"))

    assert found_by(api, known(unfinished(1, "one")), complete=True) == set()
    assert api.asked == []


def test_a_job_that_is_gone_is_looked_up_by_name():
    """One request, unless it is not among the newest jobs of that name."""
    api = Listed(job(1, "One"), job(2, "two"))

    assert found_by(api, known(unfinished(1, "one"))) == {1}
    assert api.asked == [("one", "newest", 1)]


@pytest.mark.parametrize("status", [8, 10])
def test_a_job_that_was_seen_is_not_looked_up(status):
    """Neither one that goes on, nor one whose end is known already."""
    api = Listed(job(1, "one", status))

    found = found_by(api, known(unfinished(1, "one")), sees=[api.jobs[0]])

    assert found == ({1} if status == 10 else set())
    assert api.asked == []


def test_a_job_without_a_name_is_not_looked_up():
    """Its search would be a listing of all jobs."""
    api = Listed(job(1, ""))

    assert found_by(api, known(unfinished(1, ""))) == set()
    assert api.asked == []


def test_only_the_beginning_of_a_long_name():
    """The API searches for 64 characters at most."""
    api = Listed(job(1, "n" * 70))

    assert found_by(api, known(unfinished(1, "n" * 70))) == {1}
    assert api.asked == [("n" * 64, "newest", 1)]


@pytest.mark.parametrize(
    ("position", "is_deleted", "asked"),
    [
        (8, False, []),
        (5, False, [3, 2]),
        (1, False, [3, 2, 1]),
        (9, True, []),
        (8, True, [3]),
        (5, True, [3, 2]),
        (4, True, [3, 2, 1]),
    ],
)
def test_older_jobs_of_the_same_name(position, is_deleted, asked):
    """They are read in order of creation, back to when the job was created."""
    api = Listed(*[job(number, f"train-{number}") for number in range(1, 11)])
    if is_deleted:
        # Another one is just as old.
        created = START + position
        api.jobs[position - 1] = job(99, "train", created=created)

    found = found_by(api, known(unfinished(position, "train")))

    assert found == (set() if is_deleted else {position})
    assert api.asked == [
        ("train", "newest", 1),
        *[("train", "oldest", number) for number in asked],
    ]


def test_a_search_that_is_ignored_is_given_up():
    """Jobs of other names show that the API does not search: older ones are not read."""
    rows = [job(number, "x") for number in range(1, 11)]
    api = Listed(*rows, ignores_names=True)

    assert found_by(api, known(unfinished(1, "train"))) == set()
    assert api.asked == [("train", "newest", 1)]


def test_a_job_that_is_found_although_the_search_is_ignored():
    """It counts all the same."""
    api = Listed(job(1, "x"), ignores_names=True)

    assert found_by(api, known(unfinished(1, "train"))) == {1}


def test_jobs_that_were_deleted_meanwhile():
    """An empty page says nothing of the pages before it."""
    api = Listed(*[job(number, "train") for number in range(1, 8)])
    shrunk = [job(1, "train"), job(2, "train")]
    page = api.page

    def then_shrink(query, number):
        answer = page(query, number)
        api.jobs = shrunk
        return answer

    api.page = then_shrink

    assert found_by(api, known(unfinished(1, "train"))) == {1}
    assert [number for _, _, number in api.asked] == [1, 2, 1]


@pytest.mark.parametrize(
    ("since", "asked"),
    [(10, []), (9, []), (8, [3]), (7, [3, 2]), (5, [3, 2]), (4, [3, 2, 1])],
)
def test_the_newest_jobs(since, asked):
    """They are read back to the last collection, of which nothing older is missing."""
    api = Listed(*[job(number) for number in range(1, 11)])
    newest = api.page(NEWEST_JOBS, 1)

    found = found_by(api, known(since=START + since), newest=newest)

    assert found == set(range(since, 11))
    assert api.asked == [((), "oldest", number) for number in asked]


@pytest.mark.parametrize("total", [0, None])
def test_without_jobs_or_a_total_only_the_newest_are_known(total):
    """There are no pages before the first then."""
    api = Listed()
    newest = Page([job(1)] if total is None else [], total, NOW)

    assert found_by(api, known(since=0), newest=newest) == (
        {1} if newest.rows else set()
    )
    assert api.asked == []


def test_jobs_without_dates_end_the_search():
    """Whether older ones matter is not known then."""
    api = Listed(*[job(number, created=0) for number in range(1, 11)])

    assert found_by(api, known(since=0), newest=api.page(NEWEST_JOBS, 1)) == set()
    assert api.asked == []


def test_older_jobs_that_contradict_themselves():
    """A page with fewer jobs than its total says may lack the one that is looked for."""
    api = Listed(*[job(number) for number in range(1, 11)])
    newest = api.page(NEWEST_JOBS, 1)
    page = api.page
    api.page = lambda query, number: Page(page(query, number).rows[1:], 10, NOW)

    with pytest.raises(ContradictionError):
        found_by(api, known(since=START), newest=newest)


def test_the_first_time_the_unfinished_jobs_are_listed_again():
    """What was on neither list before is known from then on."""
    api = Listed(job(1, status=8), job(2, status=7), job(3, status=10))
    snapshot = Snapshot(empty_counts((), V1_STATUSES.values()), v1_status)
    snapshot.complete = False
    snapshot.observer.observe(Page([job(4, status=8)], 1, NOW))
    paginator = paging(
        DESCRIBED_V1,
        api.fetch,
        PagingHints(SIZE),
        lambda: Snapshot(empty_counts((), V1_STATUSES.values()), v1_status),
    )
    asyncio.run(find_completions(paginator, snapshot))

    assert snapshot.observer.unfinished.keys() == {1, 2, 4}
    assert {statuses for statuses, _, _ in api.asked} == set(DESCRIBED_V1.unfinished)


def test_the_first_time_an_ignored_filter_is_not_believed():
    """A list of other jobs than were asked for says nothing."""
    api = Listed(job(1, status=8), job(2, status=7), job(3, status=10))
    page = api.page
    api.page = lambda _, number: page(Query(), number)

    assert found_by(api, FIRST_COLLECTION) == set()
    assert len(api.asked) == len(DESCRIBED_V1.unfinished)
