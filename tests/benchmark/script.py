"""A simple script for comparison: requests, page after page, or in threads."""

from __future__ import annotations

import argparse
import json
import resource
import threading
import time

from bisect import bisect_left
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import requests


BOUNDS = [
    60,
    300,
    900,
    1800,
    3600,
    7200,
    14400,
    28800,
    43200,
    86400,
    172800,
    345600,
    604800,
]
local = threading.local()


def log_in(url: str, project_id: str) -> str:
    """Return a token for a project."""
    user = {"name": "benchmark", "password": "benchmark", "domain": {"name": "OTC"}}
    identity = {"methods": ["password"], "password": {"user": user}}
    body = {"auth": {"identity": identity, "scope": {"project": {"id": project_id}}}}
    return requests.post(f"{url}/v3/auth/tokens", json=body).headers["X-Subject-Token"]


def session() -> requests.Session:
    """Return this thread's session, which keeps its connection."""
    if not hasattr(local, "session"):
        local.session = requests.Session()
    return local.session


def page(url: str, project_id: str, token: str, kind: str, number: int) -> dict:
    """Return one page of jobs."""
    return (
        session()
        .get(
            f"{url}/v1/{project_id}/{kind}-jobs",
            params={"per_page": 1000, "page": number, "sortBy": "create_time"},
            headers={"X-Auth-Token": token},
        )
        .json()
    )


def count(jobs: list[dict], counts: Counter, durations: Counter) -> None:
    """Count jobs by status and by duration."""
    for job in jobs:
        counts[job["status"]] += 1
        if job["duration"] is not None:
            durations[bisect_left(BOUNDS, job["duration"] / 1000)] += 1


def collect(url: str, project_id: str, token: str, kind: str) -> int:
    """List one project's jobs of a kind, page after page; return their number."""
    counts: Counter = Counter()
    durations: Counter = Counter()
    number = 1
    while True:
        answer = page(url, project_id, token, kind, number)
        count(answer["jobs"], counts, durations)
        if number * 1000 >= answer["job_total_count"]:
            return sum(counts.values())
        number += 1


def main() -> None:
    """Scrape as often as requested, and print the durations."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("projects", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=1)
    flags = parser.parse_args()
    ids = [f"{number:032x}" for number in range(1, flags.projects + 1)]
    pool = ThreadPoolExecutor(flags.threads)
    tokens = dict(
        zip(ids, pool.map(lambda one: log_in(flags.url, one), ids), strict=True)
    )
    targets = [(one, kind) for one in ids for kind in ("training", "visualization")]

    def scrape() -> float:
        started = time.perf_counter()
        total = sum(
            pool.map(
                lambda one: collect(flags.url, one[0], tokens[one[0]], one[1]), targets
            )
        )
        assert total
        return time.perf_counter() - started

    cold = scrape()
    before = resource.getrusage(resource.RUSAGE_SELF)
    walls = [scrape() for _ in range(flags.runs)]
    after = resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        json.dumps(
            {
                "cold": cold,
                "walls": walls,
                "cpu": used / len(walls),
                "memory": after.ru_maxrss / 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
