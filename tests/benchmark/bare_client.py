"""
The least that a scrape can cost: aiohttp, msgspec, and counts of the same answers.

It requests all pages at once, as the exporter does, and checks nothing. For each line
on stdin, it scrapes once, and prints the seconds that it took.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from bisect import bisect_left
from collections import Counter, defaultdict

import aiohttp
import msgspec

from script import BOUNDS, log_in


UNFINISHED = {1, 2, 4, 7, 8, 9, 15, 18, 19, 20}


class Job(msgspec.Struct, gc=False):
    """The fields of a job that are counted."""

    status: int
    create_time: int
    duration: int | None


class Listing(msgspec.Struct):
    """A page of jobs."""

    job_total_count: int
    jobs: list[Job]


class Counts:
    """The jobs of a project and kind."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.durations: defaultdict[int, list[int]] = defaultdict(
            lambda: [0] * (len(BOUNDS) + 1)
        )
        self.seconds: Counter[int] = Counter()
        self.oldest: dict[int, int] = {}

    def add(self, jobs: list[Job]) -> None:
        """Count jobs by status, duration and creation time."""
        for job in jobs:
            status, duration = job.status, job.duration
            self.statuses[status] += 1
            if duration is not None:
                self.durations[status][bisect_left(BOUNDS, duration / 1000)] += 1
                self.seconds[status] += duration
            if status in UNFINISHED:
                oldest = self.oldest.get(status, job.create_time)
                self.oldest[status] = min(oldest, job.create_time)


class Scrape:
    """All pages of all projects, as many at a time as the exporter's."""

    def __init__(self, session: aiohttp.ClientSession, url: str, at_once: int):
        self._session = session
        self._url = url
        self._slots = asyncio.Semaphore(at_once)
        self._decoder = msgspec.json.Decoder(Listing)

    async def collect(self, project_id: str, token: str, kind: str, pages: int) -> int:
        """Return the number of a project's jobs of a kind."""
        counts = Counts()
        await asyncio.gather(
            *(
                self._page(project_id, token, kind, page, counts)
                for page in range(1, pages + 1)
            )
        )
        return sum(counts.statuses.values())

    async def _page(
        self, project_id: str, token: str, kind: str, page: int, counts: Counts
    ) -> None:
        url = f"{self._url}/v1/{project_id}/{kind}-jobs"
        query = f"?per_page=1000&page={page}&sortBy=create_time"
        headers = {"X-Auth-Token": token}
        async with self._slots, self._session.get(url + query, headers=headers) as got:
            body = await got.read()
        counts.add(self._decoder.decode(body).jobs)


async def run(url: str, projects: int, pages: dict[str, int], at_once: int) -> None:
    """Scrape for each line on stdin."""
    ids = [f"{number:032x}" for number in range(1, projects + 1)]
    tokens = {one: log_in(url, one) for one in ids}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        scrape = Scrape(session, url, at_once)
        for _ in iter(sys.stdin.readline, ""):
            started = time.perf_counter()
            numbers = await asyncio.gather(
                *(
                    scrape.collect(one, tokens[one], kind, pages[kind])
                    for one in ids
                    for kind in pages
                )
            )
            assert sum(numbers)
            print(time.perf_counter() - started, flush=True)


def main() -> None:
    """Log in, and scrape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("projects", type=int)
    parser.add_argument("training_pages", type=int)
    parser.add_argument("visualization_pages", type=int)
    parser.add_argument("--at-once", type=int, default=32)
    flags = parser.parse_args()
    pages = {
        "training": flags.training_pages,
        "visualization": flags.visualization_pages,
    }
    asyncio.run(run(flags.url, flags.projects, pages, flags.at_once))


if __name__ == "__main__":
    main()
