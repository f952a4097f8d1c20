"""Rows of finished jobs that have not changed are counted without being decoded."""

import asyncio
import json
import random

from dataclasses import replace

from examples import examples
from harness import exporting_from, simulated
from hypothesis import given, settings
from hypothesis import strategies as st
from moving import DECODER, DESCRIBED, NOW, MovingJobs, one_move, paging

from exporter.collectors.jobs.aggregates import empty_counts
from exporter.collectors.jobs.api import ALL_JOBS
from exporter.collectors.jobs.completions import CompletionTracker
from exporter.collectors.jobs.encoded_rows import EncodedRows
from exporter.collectors.jobs.incremental_pages import IncrementalPages
from exporter.collectors.jobs.kinds import Kind
from exporter.collectors.jobs.pages import Page
from exporter.collectors.jobs.paginator import PagingHints
from exporter.collectors.jobs.query_scan import list_jobs
from exporter.collectors.jobs.snapshot import Snapshot
from exporter.collectors.jobs.v1_schema import V1Job, v1_listing
from exporter.simulator import Jobs


BOUNDS = (60_000, 3_600_000)
DESCRIPTION, STATUS_OF = DESCRIBED["v1"]


class RepeatedListing:
    """Lists all jobs repeatedly, as a poller does."""

    def __init__(self, fetch, size):
        self.fetch = fetch
        self.hints = PagingHints(size)
        self.completions = CompletionTracker(BOUNDS)
        self.decoded = 0

    def paginator(self):
        """Return the paginator of a collection."""
        baseline = self.completions.baseline

        def new_snapshot():
            counts = empty_counts(BOUNDS, DESCRIPTION.statuses)
            return Snapshot(counts, STATUS_OF, baseline)

        return paging(DESCRIPTION, self.fetch, self.hints, new_snapshot)

    async def collect(self):
        """List all jobs; return counts, unfinished jobs and the new baseline."""
        paginator = self.paginator()
        read = paginator.api.page

        async def counted(*request):
            page = await read(*request)
            self.decoded += len(page.rows)
            return replace(page, encoded=replace(page.encoded, decode=decode))

        def decode(content):
            rows = DECODER.decode(content)
            self.decoded += len(rows)
            return rows

        paginator.api.page = counted
        snapshot = (await list_jobs(paginator)).content
        self.completions.record(snapshot.observer)
        return snapshot.counts, snapshot.unfinished, self.completions.baseline


def odd_move(chance, jobs):
    """Change a finished job in a way that no cloud should."""
    job = chance.choice(jobs.jobs)
    if chance.random() < 0.5:
        job.created += chance.choice([-1000, 1000, 10**9])
    else:
        jobs.set_status(job, chance.choice([7, 8, 10, 11, 0, 99]))


@settings(max_examples=examples(100))
@given(
    st.integers(0, 2**32),
    st.integers(1, 12),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.lists(st.integers(0, 6), max_size=12),
)
def test_known_rows_count_like_others(seed, size, oddness, moves):
    """Each collection finds what one without known rows finds, completions included."""
    chance = random.Random(seed)
    jobs = Jobs(Kind.TRAINING, seed=seed)
    jobs.history(chance.randrange(40), NOW - chance.choice([60, 7200]))
    for _ in range(chance.randrange(8)):
        jobs.create_job(8, created=NOW - 3600)
        jobs.history(chance.randrange(3), NOW - 3600)
    for status in [8, 8, 7]:
        jobs.create_job(status, created=NOW - 30)
    moving = MovingJobs("v1", jobs, chance, pace=0.0)
    incremental, full = (
        RepeatedListing(moving.fetch, size),
        RepeatedListing(moving.fetch, size),
    )

    async def run():
        for number in [0, 0, 0, *moves]:
            for _ in range(number):
                moving.now += chance.choice([1, 700])
                one_move(chance, jobs, moving.now)
                if jobs.jobs and chance.random() < oddness:
                    odd_move(chance, jobs)
            full.hints.finished.clear()
            assert await incremental.collect() == await full.collect()
            assert incremental.completions.so_far == full.completions.so_far, (
                "completions"
            )

    asyncio.run(run())


async def test_only_other_rows_are_decoded():
    """Finished jobs are decoded until they are known, and again when a row changes."""
    jobs = Jobs(Kind.TRAINING)
    jobs.history(25, NOW - 3600)
    old = jobs.create_job(8, created=NOW - 3000)
    young, _ = (jobs.create_job(8, created=NOW - 30) for _ in range(2))
    moving = MovingJobs("v1", jobs, random.Random(1), pace=0.0)
    listing = RepeatedListing(moving.fetch, 10)

    async def decoded(times):
        numbers = []
        for _ in range(times):
            moving.now += 60
            listing.decoded = 0
            await listing.collect()
            numbers.append(listing.decoded)
        return numbers

    # The first collection has no baseline, and looks at each job. Later ones learn a
    # page each.
    first, *learning, last, again = await decoded(6)
    assert (first, learning[0], last, again) == (28, 28, 3, 3)
    assert sorted(set(learning), reverse=True) == learning
    # A young job has finished: it may be a completion each time.
    jobs.finish_job(young, 10, moving.now)
    assert await decoded(2) == [3, 3]
    # An old job has finished: the last page is learned again.
    jobs.finish_job(old, 10, moving.now)
    assert await decoded(3) == [3, 8, 2]
    # The first job is deleted: all rows move, some to the previous page.
    jobs.delete_job(jobs.jobs[0])
    first, *learning, last = await decoded(5)
    assert (first, learning[0], last) == (27, 27, 2)


async def test_finished_jobs_of_unknown_age():
    """Jobs without dates may be young, so they are decoded each time."""

    async def fetch(query, number, size):
        rows = [V1Job(job_id, "a", 10, None) for job_id in range(5)]
        return Page(rows, len(rows), NOW)

    listing = RepeatedListing(fetch, 10)
    for _ in range(3):
        listing.decoded = 0
        await listing.collect()
        assert listing.decoded == 5


async def test_changed_pages_take_no_memory():
    """Known rows take no memory once their page has changed."""
    jobs = Jobs(Kind.TRAINING)
    jobs.history(25, NOW - 7200)
    jobs.create_job(8, created=NOW - 30)
    moving = MovingJobs("v1", jobs, random.Random(1), pace=0.0)
    listing = RepeatedListing(moving.fetch, 10)
    for _ in range(4):
        await listing.collect()
    known = len(listing.hints.finished)
    for job in list(jobs.jobs):
        jobs.delete_job(job)
    await listing.collect()

    assert (known, listing.hints.finished) == (3, {})


async def test_some_known_rows_are_counted_already():
    """If some known rows were counted already, only the others are counted."""
    jobs = Jobs(Kind.TRAINING)
    for _ in range(8):
        job = jobs.create_job(8, created=NOW - 7200)
        jobs.finish_job(job, 10, NOW - 3600)
    jobs.create_job(8, created=NOW)
    listing = RepeatedListing(MovingJobs("v1", jobs, random.Random(1), 0.0).fetch, 10)
    for _ in range(2):
        await listing.collect()
    paginator = listing.paginator()
    pages = IncrementalPages(paginator.pages(ALL_JOBS), listing.hints.finished)
    page, content = await pages.read(1), pages.new_content()
    pages.add(content, page, [0, 3, 8])

    assert len(page.rows) == 1
    assert {"completed": 2, "running": 1} == {
        status.name: number
        for status, number in content.counts.statuses.items()
        if number
    }


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "job_name": st.none() | st.integers(0, 99) | st.text(),
                "note": st.text() | st.just({"jobs": [{"job_id": 1}]}),
            },
        ),
        min_size=1,
        max_size=5,
    ),
    st.integers(1, 5),
    st.sampled_from([None, 1]),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", ":")]),
)
def test_rows_after_the_first_ones(fields, number, indent, separators):
    """Rows after the known ones are decoded, however the JSON is formatted."""
    jobs = [{"job_id": index, **one} for index, one in enumerate(fields)]
    text = json.dumps({"jobs": jobs}, indent=indent, separators=separators)
    rows = v1_listing.decode(text.encode()).rows
    end = rows.end_of(number)
    after = rows.rows(end)

    assert list(after) == list(rows.rows())[number:]


def test_other_rows_are_not_the_same():
    """A row is known only if all its bytes are the same."""
    rows = EncodedRows(b'[{"job_id":1,"status":10},{"job_id":2}]', DECODER.decode)
    end = rows.end_of(1)

    assert rows.hash(end) == replace(rows, content=rows.content[:end] + b"]").hash(end)
    for position in range(1, end):
        other = rows.content[:position] + b"~" + rows.content[position + 1 :]
        assert replace(rows, content=other).hash(end) != rows.hash(end)


async def test_scrapes_agree_with_the_cloud():
    """Scrapes over HTTP have the cloud's numbers while jobs change."""
    cloud = simulated("a")
    training = cloud.projects[0].training
    training.history(30, cloud.clock.now() - 3600)
    chance = random.Random(7)
    async with exporting_from(cloud, page_size=10) as exporter:
        for _ in range(12):
            scrape = await exporter.scrape()
            truth = {}
            for job in training.jobs:
                truth[job.status] = truth.get(job.status, 0) + 1
            found = scrape.statuses("a", "training")
            assert sum(found.values()) == len(training.jobs)
            assert found["completed"] == truth.get(10, 0)
            assert found["running"] == truth.get(8, 0)
            assert scrape.value("up", project="a", kind="training") == 1
            cloud.clock.advance(chance.choice([15, 900]))
            for _ in range(chance.randrange(4)):
                one_move(chance, training, cloud.clock.now())
