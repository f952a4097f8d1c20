"""
One exporter for a thousand projects of ten thousand jobs: all at once, or one by one.

The simulated cloud answers each request after 50 ms. First everything is scraped at
once, then every project by itself, spread evenly over a scrape interval, as Prometheus
does with service discovery.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time

from pathlib import Path

import httpx
import processes


HEADERS = {"X-Prometheus-Scrape-Timeout-Seconds": "120"}


async def at_once(url: str) -> tuple[list[float], int, int]:
    """Scrape everything; return the seconds, the failed projects, and the bytes."""
    async with httpx.AsyncClient(timeout=130, trust_env=False) as client:
        started = time.perf_counter()
        answer = await client.get(url, headers=HEADERS)
        seconds = time.perf_counter() - started
        lines = answer.text.splitlines()
        failed = sum(
            line.startswith("modelarts_up{") and line.endswith(" 0.0") for line in lines
        )
        return [seconds], failed, len(answer.content)


async def one_by_one(
    url: str, projects: int, interval: float
) -> tuple[list[float], int, int]:
    """Scrape each project once per interval; return seconds, failures and bytes."""
    base = url.removesuffix("/metrics")
    taken: list[float] = []
    failed = size = 0

    async with httpx.AsyncClient(timeout=130, trust_env=False) as client:

        async def probe(number: int) -> None:
            nonlocal failed, size
            await asyncio.sleep(number * interval / projects)
            started = time.perf_counter()
            answer = await client.get(
                f"{base}/probe?project=p{number + 1:03}", headers=HEADERS
            )
            taken.append(time.perf_counter() - started)
            size += len(answer.content)
            failed += (
                answer.text.count('kind="training"') == 0
                or " 0.0"
                in (answer.text.partition("modelarts_up{")[2].partition("\n")[0])
            )

        await asyncio.gather(*(probe(number) for number in range(projects)))
    return taken, failed, size


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--projects", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--interval", type=float, default=60.0)
    flags = parser.parse_args()
    print(f"{processes.machine()}\n")
    print("| scraped | median s | longest s | failed | CPU s | peak MB | MB |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    with (
        processes.cloud(flags.projects, flags.jobs, 0, "--shared") as (cloud, _),
        tempfile.TemporaryDirectory() as folder,
        processes.exporter(Path(folder), cloud, flags.projects) as (url, pid),
    ):
        for name, ask in (
            ("at once, cold", lambda: at_once(url)),
            ("at once, warm", lambda: at_once(url)),
            (
                f"one by one in {flags.interval:.0f} s",
                lambda: one_by_one(url, flags.projects, flags.interval),
            ),
        ):
            before = processes.cpu_seconds(pid)
            seconds, failed, size = asyncio.run(ask())
            used = processes.cpu_seconds(pid) - before
            print(
                f"| {name} | {statistics.median(seconds):.2f} "
                f"| {max(seconds):.2f} | {failed} | {used:.1f} "
                f"| {processes.peak_memory(pid):.0f} | {size / 1e6:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
