"""Jobs that change while they are listed, behind a fetch function instead of HTTP."""

import asyncio
import random

from copy import copy
from dataclasses import dataclass, field, replace

import msgspec

from exporter.collectors.jobs.encoded_rows import EncodedRows
from exporter.collectors.jobs.kinds import Kind
from exporter.collectors.jobs.pages import Page, page_after
from exporter.collectors.jobs.paginator import Paginator
from exporter.collectors.jobs.statuses import (
    UNFINISHED_PHASES,
    V1_STATUSES,
    V2_STATUSES,
)
from exporter.collectors.jobs.v1_requests import V1Jobs
from exporter.collectors.jobs.v1_schema import V1Job, v1_status
from exporter.collectors.jobs.v2_requests import V2TrainingJobs
from exporter.collectors.jobs.v2_schema import v2_status
from exporter.simulator import Jobs, phase_of


NOW = 1_700_000_000.0
UNFINISHED = {
    number
    for number, status in V1_STATUSES.items()
    if status.phase in UNFINISHED_PHASES
}


def status_name(api, job):
    """Return a job's value of the label `status`."""
    return V1_STATUSES[job.status].name if api == "v1" else phase_of(job).lower()


DESCRIBED = {
    "v1": (V1Jobs(Kind.TRAINING), v1_status),
    "v2": (V2TrainingJobs(), v2_status),
}
STATUS_NAMES = {
    "v1": [status.name for status in V1_STATUSES.values()],
    "v2": list(V2_STATUSES),
}


def paging(described, fetch, hints, new_snapshot):
    """Return a paginator over pages from `fetch` instead of a session."""

    async def page(_, query, number, size, known=None):
        return encoded(await fetch(query, number, size), known)

    api = copy(described)
    api.page = page
    since = new_snapshot().observer.baseline.since
    return Paginator(None, api, hints, new_snapshot, since)


DECODER = msgspec.json.Decoder(list[V1Job])


def encoded(page, known):
    """Return the page as it is read from an answer that begins with `known` rows."""
    rows = EncodedRows(msgspec.json.encode(page.rows), DECODER.decode)
    return page_after(known, rows, page.total, page.answered_at, page.quota)


def one_move(chance, training, now):
    """Let a random job start, end, be created or be deleted."""
    unfinished = [job for job in training.jobs if job.status in UNFINISHED]
    action = chance.choice(["start", "end", "end", "create", "delete"])
    waiting = [job for job in unfinished if job.status == 7]
    running = [job for job in unfinished if job.status == 8]
    if action == "start" and waiting:
        job = chance.choice(waiting)
        training.set_status(job, 8)
        job.started = now
    elif action == "end" and running:
        training.finish_job(chance.choice(running), chance.choice([10, 11, 12]), now)
    elif action == "create":
        training.create_job(7, created=now)
    elif action == "delete" and training.jobs:
        training.delete_job(chance.choice(training.jobs))


def same_ids(page, number, size):
    """Return the page with one ID for all its jobs."""
    rows = [V1Job(1, one.job_name, one.status, one.create_time) for one in page.rows]
    return replace(page, rows=rows)


def same_jobs(page, number, size):
    """Return the page with IDs that are the same on every page."""
    rows = [
        V1Job(index, one.job_name, one.status, one.create_time)
        for index, one in enumerate(page.rows)
    ]
    return replace(page, rows=rows)


WRONG_ANSWERS = {
    "none": lambda page, number, size: page,
    "more": lambda page, number, size: replace(page, total=page.total + 95),
    "one more": lambda page, number, size: replace(page, total=page.total + 1),
    "less": lambda page, number, size: replace(page, total=page.total // 2),
    "no jobs": lambda page, number, size: replace(page, rows=[]),
    "half of the jobs": lambda page, number, size: replace(page, rows=page.rows[::2]),
    "one ID": same_ids,
    "the same jobs": same_jobs,
    "a total on some pages": lambda page, number, size: (
        page if number % 2 else replace(page, total=None)
    ),
    "longer pages": lambda page, number, size: replace(
        page,
        rows=[
            V1Job(number * 100 + index, "a", 10, round(NOW * 1000) - 10**9)
            for index in range(size + 1)
        ],
    ),
}
"""What an API may answer instead: functions of a page, its number and the page size."""


@dataclass
class MovingJobs:
    """An API whose jobs change while they are listed; it answers in any order."""

    api: str
    jobs: Jobs
    chance: random.Random
    pace: float
    requests: int = 0
    seen: dict = field(default_factory=dict)
    totals: set = field(default_factory=set)
    now: float = NOW
    deleted: set = field(default_factory=set)
    wrong_answer: str = "none"
    always: set | None = None
    always_had: dict = field(default_factory=dict)
    """The jobs that have had a status all along, by its name."""

    ever_had: dict = field(default_factory=dict)
    ever: set = field(default_factory=set)

    def observe(self):
        """Record what is true now."""
        now = {job.job_id for job in self.jobs.jobs}
        self.always = now if self.always is None else self.always & now
        self.ever |= now
        self.totals.add(len(self.jobs.jobs))
        having = {name: set() for name in STATUS_NAMES[self.api]}
        for job in self.jobs.jobs:
            having[status_name(self.api, job)].add(job.job_id)
        for name, has in having.items():
            self.seen.setdefault(name, set()).add(len(has))
            self.ever_had.setdefault(name, set()).update(has)
            self.always_had.setdefault(name, has).intersection_update(has)

    async def fetch(self, query, number, size):
        """Answer a page of the jobs at that moment."""
        self.requests += 1
        for _ in range(self.chance.randrange(8)):
            await asyncio.sleep(0)
        if self.chance.random() < self.pace:
            self.observe()
            one_move(self.chance, self.jobs, self.now)
            self.observe()
        wanted = {status.name for status in query.statuses}
        found = [
            job
            for job in self.jobs.jobs
            if (not wanted or status_name(self.api, job) in wanted)
            and query.name in job.name
        ]
        if query.newest_first:
            found.reverse()
        rows = [
            V1Job(
                job.job_id,
                job.name,
                job.status if self.api == "v1" else phase_of(job),
                round(job.created * 1000),
                None
                if job.started is None
                else round((job.duration(self.now) or 0) * 1000),
            )
            for job in found[(number - 1) * size : number * size]
        ]
        page = Page(rows, len(found), self.now)
        return (
            WRONG_ANSWERS[self.wrong_answer](page, number, size)
            if not query.name
            else page
        )
