"""Overload and slowness: outages, impatient clients, many scrapes, SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import time

from pathlib import Path

import bcrypt

from exporter.simulator import Effect
from exporter.simulator import Fault as CloudFault

from .clouds import simulated
from .experiment import (
    Answer,
    Experiment,
    Outcome,
    abused,
    basic,
    connect,
    fault,
    request,
)


SLOW = CloudFault(effect=Effect.DELAY, seconds=2.0)
HANGS = CloudFault(effect=Effect.HANG)


@fault(
    "outage",
    "60 projects, every answer takes 2 s, three scrapes of 3 s; then it recovers",
)
async def outage(folder: Path) -> Outcome:
    """Scrape three times during an outage, and then until the metrics are complete."""
    async with simulated(folder, 60) as (cloud, file), abused(file) as experiment:
        await experiment.scrape(20)
        with cloud.faults.on(SLOW):
            for _ in range(3):
                await experiment.scrape(3)
        return await _recovered(experiment, 120, "")


@fault("leaving", "ten clients disconnect 0.15 s after their request")
async def leaving(folder: Path) -> Outcome:
    """Disconnect ten times, and then scrape until the metrics are complete."""
    async with simulated(folder, 60) as (cloud, file), abused(file) as experiment:
        await experiment.scrape(20)
        with cloud.faults.on(SLOW):
            for _ in range(10):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(experiment.scrape(10), 0.15)
        return await _recovered(experiment, 120, "")


async def _recovered(experiment: Experiment, number: int, figures: str) -> Outcome:
    began = time.monotonic()
    scrapes = await experiment.scrapes_until_complete(number)
    took = time.monotonic() - began
    complete = (
        "no complete scrape afterwards"
        if scrapes is None
        else f"complete at scrape {scrapes}"
    )
    words = f"{figures}{complete} after {took:.1f} s"
    return experiment.outcome(scrapes is not None, "the scrapes after it", words)


@fault("scrapes", "500 scrapes wait for a project that hangs")
async def many_scrapes(folder: Path) -> Outcome:
    """Scrape 500 times at once, with a timeout of 10 s."""
    async with simulated(folder, 3) as (cloud, file), abused(file) as experiment:
        with cloud.faults.on(CloudFault(effect=Effect.HANG, project_id=f"{1:032x}")):
            answers = await asyncio.gather(*(experiment.scrape(10) for _ in range(500)))
        statuses = [answer.status for answer in answers]
        retry = sum(
            "retry-after" in one.headers for one in answers if one.status == 503
        )
        scrapes = await experiment.scrapes_until_complete(6)
        known = statuses.count(200) + retry
        return experiment.outcome(
            known >= 480 and bool(retry) and scrapes is not None,
            "scrapes up to a limit, health",
            f"{statuses.count(200)} answered, {retry} 503 with Retry-After, "
            f"{len(statuses) - known} others, then complete at scrape {scrapes}",
        )


@fault(
    "endless-timeout", "a project hangs for a scraper that claims a timeout of 1e308 s"
)
async def endless_timeout(folder: Path) -> Outcome:
    """Keep such a scrape waiting after the cloud recovers, and send other scrapes."""
    async with simulated(folder, 3) as (cloud, file), abused(file) as experiment:
        with cloud.faults.on(CloudFault(effect=Effect.HANG, project_id=f"{1:032x}")):
            endless = asyncio.create_task(experiment.scrape(float("1e308")))
            await asyncio.sleep(1)
        began = time.monotonic()
        scrapes = await experiment.scrapes_until_complete(6, max_scrapes=5, seconds=3)
        took = time.monotonic() - began
        endless.cancel()
        return experiment.outcome(
            scrapes is not None and scrapes <= 2,
            "other scrapers, from their next scrape but one on",
            f"complete at scrape {scrapes} of another, {took:.1f} s",
        )


@fault("sigterm", "SIGTERM while scrapes, passwords, pipelines and idle clients wait")
async def sigterm(folder: Path) -> Outcome:
    """Keep all of these waiting for a second, then stop the exporter."""
    web = folder / "web.yml"
    web.write_text(f"basic_auth_users: {{right: {_hash('right', 10)}}}\n")
    right = basic("right", "right")
    async with (
        simulated(folder, 60) as (cloud, file),
        abused(file, f"--web.config.file={web}") as experiment,
    ):
        await experiment.scrape(10, headers=[right])
        with cloud.faults.on(HANGS):
            waiting = [
                asyncio.create_task(one)
                for one in (
                    *(experiment.scrape(30, headers=[right]) for _ in range(100)),
                    *(
                        request(experiment.exporter, headers=[basic("right", f"no{n}")])
                        for n in range(200)
                    ),
                    *(_pipelined(experiment, right) for _ in range(20)),
                    *(_idle(experiment) for _ in range(60)),
                )
            ]
            await asyncio.sleep(1)
            experiment.monitor.stop()
            status, took = await asyncio.to_thread(experiment.exporter.end, 30)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        ok = status == 0 and took <= 5
        return experiment.outcome(ok, "-", f"exit status {status} after {took:.1f} s")


async def _pipelined(experiment: Experiment, authorization: str) -> None:
    _, writer = await connect(experiment.exporter)
    one = f"GET /exporter-metrics HTTP/1.1\r\nHost: abuse\r\n{authorization}\r\n\r\n"
    writer.write(one.encode() * 1000)
    try:
        await asyncio.sleep(30)
    finally:
        writer.transport.abort()


async def _idle(experiment: Experiment) -> None:
    _, writer = await connect(experiment.exporter)
    try:
        await asyncio.sleep(30)
    finally:
        writer.transport.abort()


@fault("passwords", "600 wrong passwords in 0.1 s, a right user scrapes")
async def passwords(folder: Path) -> Outcome:
    """Scrape at the same time as a known user, and as a new one."""
    users = ", ".join(f"{name}: {_hash(name, 10)}" for name in ("old", "new"))
    web = folder / "web.yml"
    web.write_text(f"basic_auth_users: {{{users}}}\n")
    async with (
        simulated(folder, 3) as (_, file),
        abused(file, f"--web.config.file={web}") as experiment,
    ):
        await experiment.scrape(10, headers=[basic("old", "old")])
        wrong = [
            asyncio.create_task(
                request(
                    experiment.exporter, headers=[basic("old", f"wrong{n}")], seconds=50
                )
            )
            for n in range(600)
        ]
        began = time.monotonic()
        await asyncio.sleep(0.1)
        new = asyncio.create_task(
            experiment.scrape(40, "/exporter-metrics", [basic("new", "new")])
        )
        old: list[Answer] = []
        while time.monotonic() - began < 5 or not new.done():
            old.append(await experiment.scrape(10, headers=[basic("old", "old")]))
            await asyncio.sleep(0.25)
        for task in wrong:
            task.cancel()
        rejected = await asyncio.gather(*wrong, return_exceptions=True)
        statuses = [one.status for one in rejected if isinstance(one, Answer)]
        slowest = max(one.seconds for one in old)
        failed = sum(one.status != 200 for one in old)
        first = await new
        return experiment.outcome(
            not failed and slowest <= 5 and 200 not in statuses,
            "users who were right before",
            f"right before: {len(old)} scrapes, {failed} failed, slowest {slowest:.1f} s; "
            f"right for the first time: {first.status or first.why} after "
            f"{first.seconds:.1f} s; wrong: {statuses.count(401)} times 401, "
            f"{statuses.count(503) + statuses.count(429)} times 429 or 503",
        )


def _hash(password: str, cost: int) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()
