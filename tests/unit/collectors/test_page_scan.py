"""Listings stay consistent while jobs are created and deleted between two pages."""

import asyncio

from dataclasses import dataclass, field
from uuid import UUID

import pytest

from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from moving import DESCRIBED, paging

from exporter.collectors.jobs.aggregates import JobCounts, empty_counts
from exporter.collectors.jobs.api import ALL_JOBS
from exporter.collectors.jobs.pages import Page
from exporter.collectors.jobs.paginator import PagingHints
from exporter.collectors.jobs.query_scan import list_jobs
from exporter.collectors.jobs.snapshot import Snapshot
from exporter.collectors.jobs.statuses import V1_STATUSES
from exporter.collectors.jobs.v1_schema import V1Job, v1_status
from exporter.errors import CollectionError, Failure, Reason


NOW = 1_700_000_000.0
LONG_AGO = 1_600_000_000_000


class RecordingCounts(JobCounts):
    """Counts that record durations, which identify the jobs here."""

    def __init__(self):
        super().__init__((), dict.fromkeys(V1_STATUSES.values(), 0))
        self.seen = []

    def add(self, status, number, durations, created):
        """Record the jobs."""
        self.seen += durations


def recording():
    """Return a snapshot with such counts."""
    return Snapshot(RecordingCounts(), v1_status)


async def listing_of(fetch, hints, new_snapshot):
    """List all jobs on pages from `fetch`."""
    described, _ = DESCRIBED["v1"]
    return (await list_jobs(paging(described, fetch, hints, new_snapshot))).content


IDS = {
    "numbers": int,
    "texts of numbers": str,
    "UUIDs": lambda job: str(UUID(int=job)),
    "numbers beyond 63 bits": lambda job: str(9_999_999_999_999_000_000 + job),
    "numbers beyond 64 bits": lambda job: str(2**64 + job),
    "both": lambda job: job if job % 2 else str(UUID(int=job)),
}
"""Functions that make IDs of different kinds."""


@dataclass
class MovingList:
    """An API whose list changes between the pages that it answers."""

    jobs: list[int]
    pending: list = field(default_factory=list)
    created: set[int] = field(default_factory=set)
    deleted: set[int] = field(default_factory=set)
    has_total: bool = True
    page_limit: int = 1000
    ids: str = "numbers"
    requests: int = 0
    unchanged_for: int = 0
    """How many pages were answered since the list last changed."""

    async def fetch(self, query, number, size):
        """Answer when the test says so."""
        answered = asyncio.get_running_loop().create_future()
        self.pending.append((answered, number, size))
        return await answered

    def answer(self, index):
        """Answer one of the waiting requests."""
        answered, number, size = self.pending.pop(index % len(self.pending))
        if not answered.cancelled():
            answered.set_result(self.page(number, min(size, self.page_limit)))

    def page(self, number, size):
        """Return a page of the list as it is now."""
        self.requests += 1
        self.unchanged_for += 1
        jobs = self.jobs[(number - 1) * size : number * size]
        total = len(self.jobs) if self.has_total else None
        rows = [
            V1Job(IDS[self.ids](job), "a", 8, self.create_time(job), job)
            for job in jobs
        ]
        return Page(rows, total, NOW)

    def create_time(self, job):
        """Return a job's creation time: now, or long ago for the initial jobs."""
        return round(NOW * 1000) if job in self.created else LONG_AGO + job

    def create(self):
        """Add a job at the end."""
        self.unchanged_for = 0
        job = 1 + max([0, *self.jobs, *self.created, *self.deleted])
        self.created.add(job)
        self.jobs.append(job)

    def delete(self, index):
        """Remove one of the jobs."""
        if self.jobs:
            self.unchanged_for = 0
            self.deleted.add(self.jobs.pop(index % len(self.jobs)))


async def settle():
    """Let every task run until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["answer", "answer", "create", "delete"]), st.integers(0, 50)
    ),
    max_size=40,
)


@settings(max_examples=examples(400), deadline=None)
@given(
    start=st.integers(0, 12),
    size=st.integers(1, 4),
    pages=st.integers(1, 5),
    actions=ACTIONS,
    has_total=st.booleans(),
    page_limit=st.sampled_from([1000, 1000, 2]),
    ids=st.sampled_from(sorted(IDS)),
)
@pytest.mark.slow
def test_no_job_twice_and_none_missed(
    start, size, pages, actions, has_total, page_limit, ids
):
    """
    No job is counted twice, and none that existed throughout is missed.

    Requests are answered in any order, while jobs are created and deleted. There is no
    listing only if the list changed during every attempt.
    """
    api = MovingList(
        list(range(1, start + 1)),
        has_total=has_total,
        page_limit=page_limit,
        ids=ids,
    )
    recorders = []

    def recorder():
        recorders.append(recording())
        return recorders[-1]

    async def run():
        task = asyncio.create_task(
            listing_of(api.fetch, PagingHints(size, {ALL_JOBS: pages}), recorder)
        )
        for action, index in actions:
            await settle()
            if action == "create":
                api.create()
            elif action == "delete":
                api.delete(index)
            elif api.pending:
                api.answer(index)
        while not task.done():
            await settle()
            if api.pending:
                api.answer(0)
        return await task

    try:
        listing = asyncio.run(run())
    except CollectionError:
        assert api.unchanged_for <= len(api.jobs) // min(size, page_limit) + 2
        return

    seen = listing.counts.seen
    assert len(set(seen)) == len(seen)
    assert set(range(1, start + 1)) - api.deleted <= set(seen)
    assert set(seen) <= set(range(1, start + 1)) | api.created


async def listed(api: MovingList, hints: PagingHints) -> list[int]:
    """List an API that does not change; return its jobs, and count requests."""

    async def fetch(query, number, size):
        return api.page(number, min(size, api.page_limit))

    return (await listing_of(fetch, hints, recording)).counts.seen


@pytest.mark.parametrize(
    ("jobs", "requests"), [(0, 1), (1, 1), (999, 1), (1000, 2), (1001, 2), (10_000, 11)]
)
@pytest.mark.slow
async def test_requests_of_an_unchanging_listing(jobs, requests):
    """
    A listing takes its pages and, after a full last page, one more to prove its end.

    That holds for a first listing and for later ones.
    """
    api = MovingList(list(range(1, jobs + 1)))
    hints = PagingHints(1000)

    for scrapes in (1, 2, 3):
        assert jobs == len(await listed(api, hints))
        assert scrapes * requests == api.requests


async def test_a_later_listing_requests_all_pages_at_once():
    """A later listing requests as many pages at once as the last one had."""
    api = MovingList(list(range(1, 2501)))
    hints = PagingHints(1000)
    await listed(api, hints)

    task = asyncio.create_task(listing_of(api.fetch, hints, recording))
    await settle()
    assert [1, 2, 3] == [number for _, number, _ in api.pending]
    for _ in range(3):
        api.answer(0)

    assert len((await task).counts.seen) == 2500


async def test_a_server_with_smaller_pages_is_read_to_the_end():
    """Pages shorter than requested do not end a listing while the total says more."""
    api = MovingList(list(range(1, 251)), page_limit=100)

    assert len(await listed(api, PagingHints(1000))) == 250


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, None), (400, "ModelArts.0104"), (200, "ModelArts.0104")],
    ids=["no code", "HTTP 400", "HTTP 200"],
)
async def test_page_size_falls_back_and_is_remembered(status, code):
    """If pages of 1,000 jobs are rejected, 100 are requested from then on."""
    refusal = Failure(
        reason=Reason.API, problem="refused", advice="", status=status, error_code=code
    )
    api = MovingList(list(range(1, 251)))
    asked = []

    async def fetch(query, number, size):
        asked.append(size)
        if size > 100:
            raise CollectionError(refusal)
        return api.page(number, size)

    hints = PagingHints(1000)
    for _ in range(2):
        listing = await listing_of(fetch, hints, recording)
        assert len(listing.counts.seen) == 250

    assert [1000, 100, 100, 100, 100, 100, 100] == asked


@pytest.mark.parametrize(
    ("status", "code", "sizes"),
    [
        (400, None, [1000, 100]),
        (200, "ModelArts.0104", [1000, 100]),
        (200, "ModelArts.0105", [1000]),
        (200, None, [1000]),
    ],
)
async def test_other_rejections_are_reported(status, code, sizes):
    """A request that is rejected in any size, or for another reason, fails."""
    failure = Failure(
        reason=Reason.API, problem="refused", advice="", status=status, error_code=code
    )
    asked = []

    async def fetch(query, number, size):
        asked.append(size)
        raise CollectionError(failure)

    with pytest.raises(CollectionError) as caught:
        await listing_of(fetch, PagingHints(1000), recording)

    assert caught.value.failure is failure
    assert asked == sizes


@pytest.mark.parametrize("distinct", [True, False])
async def test_an_endless_list_is_dropped(distinct):
    """A list that does not end fails after a bounded number of requests."""
    requests = []

    async def fetch(query, number, size):
        requests.append(number)
        first = number * size if distinct else 1
        rows = [V1Job(first + n, "a", 8, LONG_AGO, n) for n in range(size)]
        return Page(rows, 25, NOW)

    with pytest.raises(CollectionError, match="does not end"):
        await listing_of(
            fetch,
            PagingHints(10),
            lambda: Snapshot(empty_counts((), V1_STATUSES.values()), v1_status),
        )

    assert len(requests) < 40
