"""
What a project costs, by the number of projects: it should stay the same.

The simulated cloud answers each request after 50 ms. Every fleet is scraped at once: by
a new exporter, cold, and then again, warm. A second table has the first scrape of 100
projects whose logins take 200 ms.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time

from dataclasses import dataclass
from pathlib import Path

import httpx
import processes


HEADERS = {"X-Prometheus-Scrape-Timeout-Seconds": "300"}
SECONDS = 310


@dataclass(frozen=True)
class Fleet:
    """Projects, and training jobs in each of them."""

    projects: int
    jobs: int


FLEETS = (
    Fleet(10, 20),
    Fleet(100, 20),
    Fleet(1000, 20),
    Fleet(2500, 20),
    Fleet(1000, 1000),
)


@dataclass(frozen=True)
class Scrape:
    """The cost and the result of a scrape."""

    seconds: float
    cpu: float
    lines: int
    failed: int


def scrape(url: str, pid: int) -> Scrape:
    """Scrape everything."""
    used, started = processes.cpu_seconds(pid), time.perf_counter()
    answer = httpx.get(url, headers=HEADERS, timeout=SECONDS, trust_env=False)
    seconds = time.perf_counter() - started
    lines = [line for line in answer.text.splitlines() if line[0] != "#"]
    failed = sum(
        line.startswith("modelarts_up{") and line.endswith(" 0.0") for line in lines
    )
    return Scrape(seconds, processes.cpu_seconds(pid) - used, len(lines), failed)


def row(fleet: Fleet, runs: int) -> str:
    """Return a fleet's row of the table."""
    with (
        processes.cloud(fleet.projects, fleet.jobs, 0, "--shared") as (cloud, _),
        tempfile.TemporaryDirectory() as folder,
        processes.exporter(
            Path(folder), cloud, fleet.projects, concurrency=128, timeout="300s"
        ) as (url, pid),
    ):
        cold = scrape(url, pid)
        warm = [scrape(url, pid) for _ in range(runs)]
        cpu = statistics.median(one.cpu for one in warm)
        return (
            f"| {fleet.projects:,} | {fleet.jobs:,} | {cold.seconds:.2f} "
            f"| {statistics.median(one.seconds for one in warm):.2f} "
            f"| {cold.cpu / fleet.projects * 1000:.1f} "
            f"| {cpu / fleet.projects * 1000:.1f} "
            f"| {processes.peak_memory(pid):.0f} | {warm[-1].lines:,} "
            f"| {cold.failed + sum(one.failed for one in warm)} |"
        )


def first_scrapes(projects: int, runs: int) -> str:
    """Return a row of first scrapes, each by a new exporter, with slow logins."""
    seconds, cpu, failed = [], [], 0
    with (
        processes.prepared_cloud(projects, 50, 20, "--login-latency", "0.2") as (
            cloud,
            _,
        ),
        tempfile.TemporaryDirectory() as folder,
    ):
        for _ in range(runs):
            with processes.exporter(Path(folder), cloud, projects, concurrency=128) as (
                url,
                pid,
            ):
                cold = scrape(url, pid)
            seconds.append(cold.seconds)
            cpu.append(cold.cpu)
            failed += cold.failed
    return (
        f"| {projects:,} | 200 ms | {statistics.median(seconds):.2f} "
        f"| {statistics.median(cpu):.2f} | {failed} |"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="warm scrapes of each")
    parser.add_argument("--projects", type=int, help="only fleets of that many")
    flags = parser.parse_args()
    print(f"{processes.machine()}\n")
    print(
        "| projects | jobs of each | cold s | warm s | CPU ms a project, cold "
        "| CPU ms a project, warm | peak MB | series | failed |"
    )
    print("| --: | --: | --: | --: | --: | --: | --: | --: | --: |")
    for fleet in FLEETS:
        if flags.projects in {None, fleet.projects}:
            print(row(fleet, flags.runs), flush=True)
    print("\n| projects | a login | first scrape, s | CPU s | failed |")
    print("| --: | --: | --: | --: | --: |")
    print(first_scrapes(100, flags.runs))


if __name__ == "__main__":
    main()
