"""Which requests find the finished jobs while jobs are only counted."""

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


class RecordingApi:
    """An API with these jobs, the oldest first, that records its requests."""

    def __init__(self, *jobs, ignores_names=False):
        self.jobs = list(jobs)
        self.ignores_names = ignores_names
        self.requested = []

    async def fetch(self, query, number, size):
        """Answer a page."""
        assert size == SIZE
        order = "newest" if query.newest_first else "oldest"
        self.requested.append((query.name or query.statuses, order, number))
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


def found_by(api, baseline, *, observed=(), newest=None, complete=False):
    """Search; return the IDs of the finished jobs that the observer then knows."""
    snapshot = Snapshot(
        empty_counts((), V1_STATUSES.values()), v1_status, baseline, complete=complete
    )
    snapshot.newest_page = newest
    for row in observed:
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
    """A complete listing has seen all jobs."""
    api = RecordingApi(job(1, "one"))

    assert found_by(api, known(unfinished(1, "one")), complete=True) == set()
    assert api.requested == []


def test_a_job_that_is_gone_is_looked_up_by_name():
    """A missing job takes one request, if it is among the newest of its name."""
    api = RecordingApi(job(1, "One"), job(2, "two"))

    assert found_by(api, known(unfinished(1, "one"))) == {1}
    assert api.requested == [("one", "newest", 1)]


@pytest.mark.parametrize("status", [8, 10])
def test_a_job_that_was_seen_is_not_looked_up(status):
    """Neither an unfinished job nor one known to have finished is looked up."""
    api = RecordingApi(job(1, "one", status))

    found = found_by(api, known(unfinished(1, "one")), observed=[api.jobs[0]])

    assert found == ({1} if status == 10 else set())
    assert api.requested == []


def test_a_job_without_a_name_is_not_looked_up():
    """A search for an empty name would list all jobs."""
    api = RecordingApi(job(1, ""))

    assert found_by(api, known(unfinished(1, ""))) == set()
    assert api.requested == []


def test_a_long_name_is_cut_off():
    """The API searches for 64 characters at most."""
    api = RecordingApi(job(1, "n" * 70))

    assert found_by(api, known(unfinished(1, "n" * 70))) == {1}
    assert api.requested == [("n" * 64, "newest", 1)]


@pytest.mark.parametrize(
    ("position", "is_deleted", "requested"),
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
def test_older_jobs_of_the_same_name(position, is_deleted, requested):
    """Jobs are read in order of creation, back to when the job was created."""
    api = RecordingApi(*[job(number, f"train-{number}") for number in range(1, 11)])
    if is_deleted:
        # Another one is exactly as old.
        created = START + position
        api.jobs[position - 1] = job(99, "train", created=created)

    found = found_by(api, known(unfinished(position, "train")))

    assert found == (set() if is_deleted else {position})
    assert api.requested == [
        ("train", "newest", 1),
        *[("train", "oldest", number) for number in requested],
    ]


def test_an_ignored_search_ends():
    """Jobs of other names show that the API ignores the search, so it ends."""
    rows = [job(number, "x") for number in range(1, 11)]
    api = RecordingApi(*rows, ignores_names=True)

    assert found_by(api, known(unfinished(1, "train"))) == set()
    assert api.requested == [("train", "newest", 1)]


def test_a_job_found_by_an_ignored_search():
    """A job that is found counts, even if the API ignores the search."""
    api = RecordingApi(job(1, "x"), ignores_names=True)

    assert found_by(api, known(unfinished(1, "train"))) == {1}


def test_jobs_deleted_during_the_search():
    """An empty page says nothing about the pages before it."""
    api = RecordingApi(*[job(number, "train") for number in range(1, 8)])
    shrunk = [job(1, "train"), job(2, "train")]
    page = api.page

    def then_shrink(query, number):
        answer = page(query, number)
        api.jobs = shrunk
        return answer

    api.page = then_shrink

    assert found_by(api, known(unfinished(1, "train"))) == {1}
    assert [number for _, _, number in api.requested] == [1, 2, 1]


@pytest.mark.parametrize(
    ("since", "requested"),
    [(10, []), (9, []), (8, [3]), (7, [3, 2]), (5, [3, 2]), (4, [3, 2, 1])],
)
def test_the_newest_jobs(since, requested):
    """The newest jobs are read back to the last collection."""
    api = RecordingApi(*[job(number) for number in range(1, 11)])
    newest = api.page(NEWEST_JOBS, 1)

    found = found_by(api, known(since=START + since), newest=newest)

    assert found == set(range(since, 11))
    assert api.requested == [((), "oldest", number) for number in requested]


@pytest.mark.parametrize("total", [0, None])
def test_without_jobs_or_a_total_only_the_newest_are_known(total):
    """Without jobs or a total, only the first page is read."""
    api = RecordingApi()
    newest = Page([job(1)] if total is None else [], total, NOW)

    assert found_by(api, known(since=0), newest=newest) == (
        {1} if newest.rows else set()
    )
    assert api.requested == []


def test_jobs_without_dates_end_the_search():
    """Without dates, it is unknown whether older jobs matter."""
    api = RecordingApi(*[job(number, created=0) for number in range(1, 11)])

    assert found_by(api, known(since=0), newest=api.page(NEWEST_JOBS, 1)) == set()
    assert api.requested == []


def test_older_jobs_with_contradictory_totals():
    """A page with fewer jobs than its total implies may lack the job looked for."""
    api = RecordingApi(*[job(number) for number in range(1, 11)])
    newest = api.page(NEWEST_JOBS, 1)
    page = api.page
    api.page = lambda query, number: Page(page(query, number).rows[1:], 10, NOW)

    with pytest.raises(ContradictionError):
        found_by(api, known(since=START), newest=newest)


def test_the_first_time_the_unfinished_jobs_are_listed_again():
    """Unfinished jobs that the snapshot has not observed become known."""
    api = RecordingApi(job(1, status=8), job(2, status=7), job(3, status=10))
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
    assert {statuses for statuses, _, _ in api.requested} == set(
        DESCRIBED_V1.unfinished
    )


def test_the_first_time_an_ignored_filter_is_not_trusted():
    """A list of jobs of other statuses is not used."""
    api = RecordingApi(job(1, status=8), job(2, status=7), job(3, status=10))
    page = api.page
    api.page = lambda _, number: page(Query(), number)

    assert found_by(api, FIRST_COLLECTION) == set()
    assert len(api.requested) == len(DESCRIBED_V1.unfinished)
