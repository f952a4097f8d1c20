"""
Compares scrapes of the exporter with a bare client, a simple script and a threaded one.

The cloud answers each request after 50 ms, in a process of its own. All run in the same
session on the same cloud. The exporter and the bare client, which does only what is
necessary, take turns: CPU times are comparable only under the same load.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import processes
import requests


LATENCY = 0.05
CONCURRENCY = 32
PYTHONS_THREADS = min(32, (os.cpu_count() or 1) + 4)
"""The default of `ThreadPoolExecutor()`."""

HEADERS = {"X-Prometheus-Scrape-Timeout-Seconds": "60"}


@dataclass(frozen=True)
class Workload:
    """Projects, and jobs of each kind in each of them."""

    name: str
    projects: int
    training: int
    visualization: int

    @property
    def pages(self) -> tuple[int, int]:
        """The fewest pages of each kind that prove a listing complete."""
        return self.training // 1000 + 1, self.visualization // 1000 + 1

    @property
    def requests(self) -> int:
        """The fewest requests that prove all listings complete."""
        return self.projects * sum(self.pages)

    @property
    def floor(self) -> float:
        """Seconds that the round trips alone take, with all 32 slots always in use."""
        return math.ceil(self.requests / CONCURRENCY) * LATENCY


@dataclass(frozen=True)
class Row:
    """The result of one program."""

    who: str
    cold: float
    warm: float
    cpu: float
    requests: int
    memory: float
    ratio: float | None = None
    """Its CPU time in relation to the bare client's, measured in turns."""


WORKLOADS = [
    Workload("deep", 1, 10_000, 1_000),
    Workload("wide", 100, 2_500, 500),
    Workload("small", 10, 300, 20),
]


def timed(url: str) -> tuple[float, str]:
    """Scrape; return the seconds that it took, and the answer."""
    started = time.perf_counter()
    answer = requests.get(url, headers=HEADERS, timeout=90)
    seconds = time.perf_counter() - started
    assert "modelarts_up" in answer.text
    assert not re.search(r"^modelarts_up.* 0\.0$", answer.text, re.MULTILINE)
    return seconds, answer.text


def requests_sent(text: str) -> int:
    """Return how many listing requests an exporter has sent."""
    found = re.findall(
        r'^modelarts_exporter_api_requests_total\{api="\w+_(?:jobs|job_searches)".* (\S+)$',
        text,
        re.MULTILINE,
    )
    return round(sum(float(number) for number in found))


def run_exporter(
    url: str, workload: Workload, runs: int, concurrency: int = CONCURRENCY
) -> list[Row]:
    """Measure the exporter and the bare client in turns."""
    with (
        tempfile.TemporaryDirectory() as folder,
        processes.exporter(Path(folder), url, workload.projects, concurrency) as (
            metrics,
            pid,
        ),
        processes.bare_client(url, workload.projects, workload.pages, concurrency) as (
            scrape,
            bare_pid,
        ),
    ):
        cold, first = timed(metrics)
        bare_cold = scrape()
        timed(metrics)
        scrapes, bare_scrapes = [], []
        for _ in range(runs):
            scrapes.append(measured(pid, lambda: timed(metrics)[0]))
            bare_scrapes.append(measured(bare_pid, scrape))
        last = timed(metrics)[1]
        memory = processes.peak_memory(pid)
        bare_memory = processes.peak_memory(bare_pid)
        ratio = statistics.median(
            own / bare
            for (_, own), (_, bare) in zip(scrapes, bare_scrapes, strict=True)
        )
    return [
        Row(
            f"exporter, {concurrency} at once",
            cold,
            *map(statistics.median, zip(*scrapes, strict=True)),
            (requests_sent(last) - requests_sent(first)) // (runs + 2),
            memory,
            ratio,
        ),
        Row(
            f"bare client, {concurrency} at once",
            bare_cold,
            *map(statistics.median, zip(*bare_scrapes, strict=True)),
            workload.requests,
            bare_memory,
            1.0,
        ),
    ]


def measured(pid: int, scrape: Callable[[], float]) -> tuple[float, float]:
    """Return the seconds of a scrape, and the CPU time of its process."""
    before = processes.cpu_seconds(pid)
    seconds = scrape()
    return seconds, processes.cpu_seconds(pid) - before


def run_script(url: str, workload: Workload, threads: int, runs: int) -> Row:
    """Measure a script with that many threads."""
    script = processes.HERE / "script.py"
    arguments = [url, workload.projects, "--threads", threads, "--runs", runs]
    result = subprocess.run(
        [sys.executable, script, *map(str, arguments)],
        capture_output=True,
        check=True,
        text=True,
    )
    found = json.loads(result.stdout)
    pages = math.ceil(workload.training / 1000) + math.ceil(
        workload.visualization / 1000
    )
    return Row(
        f"script, {threads} threads" if threads > 1 else "script, one page at a time",
        found["cold"],
        statistics.median(found["walls"]),
        found["cpu"],
        workload.projects * pages,
        found["memory"],
    )


def print_rows(workload: Workload, rows: list[Row]) -> None:
    """Print a workload's part of the table."""
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        print(
            f"| {workload.name} | {row.who} | {row.cold:.2f} | {row.warm:.3f} "
            f"| {row.cpu:.3f} | {ratio} | {row.requests} "
            f"| {row.memory:.0f} | {row.warm / workload.floor:.1f} |",
            flush=True,
        )


def compare(workload: Workload, runs: int, *, sequential: bool) -> None:
    """Measure all programs on a workload."""
    sizes = (workload.projects, workload.training, workload.visualization)
    with processes.prepared_cloud(*sizes) as (url, _):
        rows = run_exporter(url, workload, runs)
        if workload.requests > CONCURRENCY:
            rows += run_exporter(url, workload, runs, 4 * CONCURRENCY)
        rows.append(run_script(url, workload, CONCURRENCY, runs))
        if sequential:
            rows.append(run_script(url, workload, PYTHONS_THREADS, 1))
            rows.append(run_script(url, workload, 1, 1))
    print_rows(workload, rows)


def memory(jobs: int) -> float:
    """Return the exporter's peak memory, in MB, with that many jobs in a project."""
    with (
        processes.cloud(1, jobs, 0) as (url, _),
        tempfile.TemporaryDirectory() as folder,
        processes.exporter(Path(folder), url, 1) as (metrics, pid),
    ):
        for _ in range(3):
            timed(metrics)
        return processes.peak_memory(pid)


def history(jobs: int, training_api: str) -> tuple[int, float, float]:
    """
    Return the cost of a scrape with that many training jobs, 60 of which run.

    That is the requests (one is for the empty list of visualization jobs), the seconds,
    and the exporter's peak memory in MB.
    """
    flags = ("--training-api", training_api, "--unfinished", "60")
    with (
        processes.cloud(1, jobs, 0, *flags) as (url, _),
        tempfile.TemporaryDirectory() as folder,
        processes.exporter(Path(folder), url, 1, training_api=training_api) as (
            metrics,
            pid,
        ),
    ):
        # The cloud sorts its jobs at the first request.
        before = requests_sent([timed(metrics) for _ in range(2)][-1][1])
        seconds, text = timed(metrics)
        return requests_sent(text) - before, seconds, processes.peak_memory(pid)


def print_history() -> None:
    """Print the cost of a scrape with more and more jobs."""
    print("\n| jobs | API | requests | warm s | peak MB |")
    print("| --: | --- | --: | --: | --: |")
    for training_api in ("v1", "v2"):
        for jobs in (10, 1000, 100_000, 1_000_000):
            requested, seconds, peak = history(jobs, training_api)
            print(
                f"| {jobs:,} | {training_api} | {requested} | {seconds:.2f} "
                f"| {peak:.0f} |",
                flush=True,
            )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workload", choices=[workload.name for workload in WORKLOADS])
    parser.add_argument("--runs", type=int, default=5, help="warm scrapes of each")
    flags = parser.parse_args()
    print(f"{processes.machine()}\n")
    print(
        "| workload | who | cold s | warm s | CPU s a scrape | of the bare client's "
        "| requests | peak MB | floors |"
    )
    print("| --- | --- | --: | --: | --: | --: | --: | --: | --: |")
    for workload in WORKLOADS:
        if flags.workload in {None, workload.name}:
            compare(workload, flags.runs, sequential=flags.workload is None)
    if flags.workload is None:
        print_history()
        small, large = memory(10_000), memory(100_000)
        print(
            f"\nPeak memory of the exporter: {small:.1f} MB with 10,000 jobs in a project, "
            f"{large:.1f} MB with 100,000 ({large - small:+.1f} MB)."
        )


if __name__ == "__main__":
    main()
