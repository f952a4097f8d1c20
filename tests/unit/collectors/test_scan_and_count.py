"""The requests of listing and counting, for lists that change as the test says."""

import asyncio

from collections import Counter
from dataclasses import replace

import pytest

from moving import DESCRIBED, NOW, paging
from stepped import SteppedLoop

from exporter.collectors.jobs.aggregates import empty_counts
from exporter.collectors.jobs.api import ALL_JOBS, NEWEST_JOBS, Query
from exporter.collectors.jobs.counting import CountingState, collect_jobs
from exporter.collectors.jobs.pages import Page
from exporter.collectors.jobs.paginator import PagingHints
from exporter.collectors.jobs.query_scan import list_jobs, list_query
from exporter.collectors.jobs.quota import JobQuota
from exporter.collectors.jobs.snapshot import Snapshot
from exporter.collectors.jobs.statuses import V1_STATUSES
from exporter.collectors.jobs.v1_schema import V1Job, v1_status
from exporter.collectors.page_scan import ScanOutcome, scan_pages
from exporter.errors import CollectionError, Failure, Reason


V1, _ = DESCRIBED["v1"]
START = 1_600_000_000_000
RUNNING, WAITING, SUCCEEDED = V1_STATUSES[8], V1_STATUSES[7], V1_STATUSES[10]


def failure(status, reason=Reason.API):
    """Return the failure of a request."""
    return CollectionError(
        Failure(reason=reason, problem="refused", advice="", status=status)
    )


class Api:
    """An API with jobs by number, which is also the order of their creation."""

    def __init__(self, statuses, size=10):
        self.statuses = dict(statuses)
        self.created = {}
        self.loop = SteppedLoop()
        self.hints = PagingHints(size)
        self.requested = []
        self.batches = []
        """The numbers of pages that were requested together."""

        self.pending = 0
        self.change = lambda query, number, page: page
        """Returns the answer for a page; it may change the jobs for later answers."""

    async def fetch(self, query, number, size):
        """Answer a page once all pages requested together have been requested."""
        if not self.pending:
            self.batches.append([])
        self.batches[-1].append(number)
        self.requested.append((query, number, size))
        self.pending += 1
        try:
            # The newest jobs come last: nothing may rely on the order of answers.
            for _ in range(4 if query == NEWEST_JOBS else 1):
                await asyncio.sleep(0)
        finally:
            self.pending -= 1
        page = self.change(query, number, self.page(query, number, size))
        if isinstance(page, Exception):
            raise page
        return page

    def page(self, query, number, size):
        """Return a page as it is."""
        wanted = {status.name for status in query.statuses}
        found = [
            one
            for one, status in sorted(self.statuses.items())
            if not wanted or v1_status(status).name in wanted
        ]
        if query.newest_first:
            found.reverse()
        rows = [
            V1Job(one, "a", self.statuses[one], self.created.get(one, START + one), 5)
            for one in found[(number - 1) * size : number * size]
        ]
        return Page(rows, len(found), NOW, JobQuota(running=7))

    def paginator(self):
        """Return a paginator of the list."""
        return paging(
            V1,
            self.fetch,
            self.hints,
            lambda: Snapshot(empty_counts((), V1.statuses), v1_status),
        )

    def run(self, coroutine):
        """Return a coroutine's result; only its requests are recorded."""
        self.requested.clear()
        self.batches.clear()
        task = self.loop.create_task(coroutine)
        self.loop.step()
        return task.result()

    def list(self, max_jobs=None):
        """List all jobs."""
        return self.run(list_jobs(self.paginator(), max_jobs))

    def collect(self, state, max_jobs):
        """Collect the jobs."""
        return self.run(collect_jobs(self.paginator(), state, max_jobs))

    def times(self):
        """Return how often the first page of each query was requested."""
        return Counter(query for query, number, _ in self.requested if number == 1)


@pytest.fixture
def api():
    """Return a function that makes an API with some finished and running jobs."""
    apis = []

    def make(finished, running=0, size=10):
        statuses = {
            n: 10 if n <= finished else 8 for n in range(1, finished + running + 1)
        }
        apis.append(Api(statuses, size))
        return apis[-1]

    yield make
    for one in apis:
        one.loop.end()


def test_a_first_listing_grows_in_steps(api):
    """The total may be wrong: at most 32 more pages, then as many as were read."""
    jobs = api(100, size=1)
    assert jobs.list().content.counts.number == 100

    assert [len(batch) for batch in jobs.batches] == [1, 32, 33, 35]
    assert jobs.hints.pages[ALL_JOBS] == 101
    jobs.list()
    assert [len(batch) for batch in jobs.batches] == [101]


def test_the_end_of_a_list_of_full_pages(api):
    """After a full last page, one more page shows the end."""
    jobs = api(5, size=1)
    jobs.hints.pages[ALL_JOBS] = 5
    jobs.list()

    assert jobs.batches == [[1, 2, 3, 4, 5], [6]]


def test_an_unknown_list(api):
    """The first page of an unknown list is requested alone."""
    jobs = api(5)
    result = jobs.run(scan_pages(jobs.paginator().pages(ALL_JOBS)))

    assert (result.outcome, result.pages) == (ScanOutcome.COMPLETE, 1)
    assert jobs.batches == [[1]]


def test_a_filtered_list_grows_in_smaller_steps(api):
    """The total may be that of all jobs: at most as many pages as were read."""
    jobs = api(0, 20, size=1)
    query = Query((RUNNING,))
    result = jobs.run(list_query(jobs.paginator(), query))

    assert (result.outcome, result.content.counts.number) == (ScanOutcome.COMPLETE, 20)
    assert [len(batch) for batch in jobs.batches] == [1, 1, 2, 4, 8, 5]


def test_a_limit(api):
    """Above the limit, no more pages are requested; a limit may be reduced."""
    jobs = api(20)
    assert jobs.list(20).outcome is ScanOutcome.COMPLETE
    assert jobs.list(19).outcome is ScanOutcome.TOO_MANY
    assert jobs.batches == [[1, 2]]

    jobs = api(21)
    assert jobs.list(20).outcome is ScanOutcome.TOO_MANY
    assert jobs.batches == [[1]]
    jobs.list()
    assert jobs.hints.pages[ALL_JOBS] == 3
    jobs.list(5)
    assert jobs.batches == [[1]]


@pytest.mark.parametrize(
    ("seconds", "scans"), [(0, 2), (1.999, 2), (2, 2), (2.001, 1), (100, 1)]
)
def test_a_job_that_may_be_new(api, seconds, scans):
    """If the newest job may be newer than the scan, all pages are read again."""
    jobs = api(9)
    jobs.created[9] = round((NOW - seconds) * 1000)
    assert jobs.list().content.counts.number == 9

    assert jobs.batches == [[1]] * scans


def test_jobs_created_during_a_scan_are_new(api):
    """A job is new if it was created after the first request was sent."""
    jobs = api(19)
    jobs.created[19] = round(NOW * 1000) - 7000
    quiet = jobs.change

    def wait(query, number, page):
        jobs.loop.pass_time(5)
        return page

    jobs.change = wait
    jobs.list()
    # The second page came after ten seconds, and is read again.
    assert jobs.batches == [[1], [2], [1, 2]]
    jobs.change = quiet
    jobs.list()
    assert jobs.batches == [[1, 2]]


def test_jobs_of_another_status_than_asked_for(api):
    """Jobs of another status show that the filter is ignored."""
    jobs = api(5, 5)
    jobs.change = lambda query, number, page: jobs.page(ALL_JOBS, number, 10)
    result = jobs.run(list_query(jobs.paginator(), Query((RUNNING,))))

    assert result.outcome is ScanOutcome.FILTER_IGNORED
    assert len(jobs.requested) == 1


def test_a_list_without_a_total(api):
    """The list is read to its end twice; a repeated page does not continue it."""
    jobs = api(25)
    jobs.change = lambda query, number, page: replace(page, total=None)
    assert jobs.list().content.counts.number == 25
    assert sorted(n for _, n, _ in jobs.requested) == [1, 1, 2, 2, 3, 3, 4, 4]

    jobs.change = lambda query, number, page: replace(
        jobs.page(ALL_JOBS, 1, 10), total=None
    )
    with pytest.raises(CollectionError, match="pages 2 and 3 are the same"):
        jobs.list()


def test_a_list_that_does_not_end(api):
    """At most twice as many pages as the total implies are read, and ten."""
    jobs = api(1000)
    jobs.change = lambda query, number, page: replace(page, total=20)

    with pytest.raises(
        CollectionError, match=r"14 pages, and 20 objects by the API's own"
    ):
        jobs.list()
    assert len(jobs.requested) <= 14


@pytest.mark.slow
def test_a_list_without_a_total_that_does_not_end(api):
    """The scan fails at more than twice as many jobs as a list may have."""
    jobs = api(2000, size=1000)
    pages = [
        replace(jobs.page(ALL_JOBS, number, 1000), total=None) for number in (1, 2)
    ]
    jobs.change = lambda query, number, page: pages[number % 2]

    with pytest.raises(CollectionError, match="140 pages, and 0 objects by the API's"):
        jobs.list()
    assert len(jobs.requested) == 140


def test_a_smaller_page_size(api):
    """A smaller page size is remembered once a listing is complete."""
    jobs = api(250, size=1000)
    jobs.change = lambda query, number, page: failure(400)
    with pytest.raises(CollectionError):
        jobs.list()
    assert jobs.hints == PagingHints(1000)
    # The smaller page was tried as well.
    assert [size for _, _, size in jobs.requested] == [1000, 100]

    jobs.change = lambda query, number, page: (
        failure(400) if len(page.rows) > 100 else page
    )
    assert jobs.list().content.counts.number == 250
    assert jobs.hints == PagingHints(100, {ALL_JOBS: 3})


@pytest.mark.parametrize(
    ("size", "error", "sizes"),
    [
        (101, failure(400), [101, 100]),
        (100, failure(400), [100]),
        (1000, failure(500), [1000]),
        (1000, failure(400, Reason.PERMISSION), [1000]),
    ],
)
def test_which_errors_lead_to_smaller_pages(api, size, error, sizes):
    """Only a rejected parameter leads to smaller pages, unless they are small."""
    jobs = api(5, size=size)
    jobs.change = lambda query, number, page: error
    with pytest.raises(CollectionError):
        jobs.list()

    assert [size for _, _, size in jobs.requested] == sizes


def state_of(jobs):
    """Return the state before the first collection."""
    return CountingState(jobs.hints)


ONCE = dict.fromkeys(
    [NEWEST_JOBS, *map(Query, V1.unfinished), *map(Query, V1.finished)], 1
)


def test_few_jobs_are_listed(api):
    """Up to the limit, jobs are listed, without any query by status."""
    jobs = api(15, 5)
    state = state_of(jobs)
    snapshot = jobs.collect(state, 20)

    assert (snapshot.complete, snapshot.counts.number) == (True, 20)
    assert set(jobs.times()) == {ALL_JOBS}
    assert not state.is_counting


def test_many_jobs_are_counted(api):
    """Each finished status takes a page of one job; unfinished jobs are listed."""
    jobs = api(95, 5)
    state = state_of(jobs)
    snapshot = jobs.collect(state, 20)
    assert jobs.times() == {ALL_JOBS: 1, **ONCE}
    assert {
        size for query, _, size in jobs.requested if query.statuses in V1.finished
    } == {1}

    assert not snapshot.complete
    counts = {status: n for status, n in snapshot.counts.statuses.items() if n}
    assert counts == {SUCCEEDED: 95, RUNNING: 5}
    assert set(snapshot.unfinished) == set(range(96, 101))
    assert snapshot.quota == JobQuota(running=7)
    assert snapshot.newest_page.ids == list(range(100, 90, -1))
    assert snapshot.observer.newest == START + 100
    assert set(snapshot.observer.unfinished) == set(range(96, 101))
    # From then on, they are not listed first.
    jobs.collect(state, 20)
    assert jobs.times() == ONCE


@pytest.mark.parametrize(("finished", "is_counting"), [(19, True), (18, False)])
@pytest.mark.slow
def test_when_jobs_are_listed_again(api, finished, is_counting):
    """Listing resumes at nine tenths of the limit."""
    jobs = api(30)
    state = state_of(jobs)
    jobs.collect(state, 20)
    jobs.statuses = dict.fromkeys(range(1, finished + 1), 10)
    assert not jobs.collect(state, 20).complete

    assert state.is_counting is is_counting
    assert jobs.collect(state, 20).complete is not is_counting


def test_no_jobs_at_all_are_counted(api):
    """Zeros are numbers, too."""
    jobs = api(30)
    state = state_of(jobs)
    jobs.collect(state, 20)
    jobs.statuses = {}
    snapshot = jobs.collect(state, 20)

    assert (snapshot.complete, snapshot.counts.number) == (False, 0)


def test_a_job_that_starts_between_two_counts(api):
    """The job is on two lists, and another on none: the sum is right, but not used."""
    jobs = api(30)
    jobs.statuses |= {31: 7, 32: 7}
    state = CountingState(jobs.hints, is_counting=True)
    first_time = [True]

    def change(query, number, page):
        if query == Query((WAITING,)) and first_time.pop():
            jobs.statuses[31] = 8
            first_time.append(False)
            return replace(page, rows=page.rows[:1], total=1)
        return page

    jobs.change = change
    order = list(V1.unfinished)
    assert order.index((WAITING,)) < order.index((RUNNING,))
    snapshot = jobs.collect(state, 20)

    assert jobs.times()[NEWEST_JOBS] == 2
    assert not snapshot.complete
    assert set(snapshot.unfinished) == {31, 32}
    assert snapshot.counts.number == 32
    assert snapshot.counts.statuses[RUNNING] == 1


def changing(jobs):
    """Let jobs come and go, so that the counts do not add up."""
    extra = iter([1, 5, 2, 7, 3, 9] * 2)

    def change(query, number, page):
        if query == NEWEST_JOBS:
            return replace(page, total=page.total + next(extra))
        return page

    return change


def test_counts_that_never_add_up(api, logged):
    """Jobs are counted four times, then listed; the next scrape counts again."""
    jobs = api(30)
    state = CountingState(jobs.hints, is_counting=True, labels={"project": "vision"})
    jobs.change = changing(jobs)
    for _ in range(2):
        snapshot = jobs.collect(state, 20)
        assert (snapshot.complete, snapshot.counts.number) == (True, 30)
        times = jobs.times()
        assert times[NEWEST_JOBS] == 4
        # By turns: first and then twice more, or first and then once more.
        assert {times[Query(one)] for one in V1.unfinished} == {3}
        assert {times[Query(one)] for one in V1.finished} == {2}
        assert times[ALL_JOBS] == 1

    (line,) = [line for line in logged() if "do not add up" in line]
    assert "project=vision" in line
    assert "jobs=30" in line
    jobs.change = lambda query, number, page: page
    assert not jobs.collect(state, 20).complete
    assert jobs.times() == ONCE
    jobs.change = changing(jobs)
    jobs.collect(state, 20)
    assert len([line for line in logged() if "do not add up" in line]) == 1


FIRST = Query(V1.finished[0])
RUNNING_JOBS = Query((RUNNING,))
MISCOUNTING = {
    "a filter is refused": (FIRST, lambda jobs, page: failure(400)),
    "a filter is ignored": (FIRST, lambda jobs, page: jobs.page(ALL_JOBS, 1, 1)),
    "no total": (FIRST, lambda jobs, page: replace(page, total=None)),
    "no total of all": (NEWEST_JOBS, lambda jobs, page: replace(page, total=None)),
    "a total without jobs": (FIRST, lambda jobs, page: replace(page, rows=[], total=4)),
    "more jobs than the total": (
        NEWEST_JOBS,
        lambda jobs, page: replace(page, total=5),
    ),
    "unfinished jobs of other statuses": (
        RUNNING_JOBS,
        lambda jobs, page: jobs.page(ALL_JOBS, 1, 10),
    ),
    "unfinished jobs twice": (
        RUNNING_JOBS,
        lambda jobs, page: replace(page, rows=[*page.rows, *page.rows], total=2),
    ),
}
"""Answers to a query that show that the API does not count as expected."""


@pytest.mark.parametrize("why", MISCOUNTING)
def test_an_api_that_does_not_count_as_expected(api, why):
    """All jobs are listed, and counted again after an hour."""
    jobs = api(9, 1)
    state = CountingState(jobs.hints, is_counting=True)
    query_affected, answer = MISCOUNTING[why]
    jobs.change = lambda query, number, page: (
        answer(jobs, page) if query == query_affected else page
    )
    assert jobs.collect(state, 5).complete
    assert jobs.times()[NEWEST_JOBS] == 1

    jobs.loop.advance(3599)
    assert jobs.collect(state, 5).complete
    assert set(jobs.times()) == {ALL_JOBS}
    jobs.change = lambda query, number, page: page
    jobs.loop.advance(1)
    assert not jobs.collect(state, 5).complete


def test_jobs_of_a_status_that_cannot_be_queried(api):
    """If the same number is missing each time, jobs are listed for an hour."""
    jobs = api(29)
    jobs.statuses[30] = 99
    state = CountingState(jobs.hints, is_counting=True)
    assert jobs.collect(state, 20).counts.number == 30
    assert jobs.times()[NEWEST_JOBS] == 4

    jobs.collect(state, 20)
    assert set(jobs.times()) == {ALL_JOBS}


def test_a_count_that_fails(api):
    """A failed count fails the collection."""
    jobs = api(30)
    state = CountingState(jobs.hints, is_counting=True)
    jobs.change = lambda query, number, page: failure(403, Reason.PERMISSION)

    with pytest.raises(CollectionError):
        jobs.collect(state, 20)
    assert ALL_JOBS not in jobs.times()
