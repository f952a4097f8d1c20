"""Hostile answers of a cloud: numbers, incomplete listings, bombs, nesting, cookies."""

from __future__ import annotations

import gzip
import json
import math

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from .clouds import (
    MEBIBYTE,
    PASSWORD,
    RawCloud,
    Request,
    configure,
    gzip_bomb,
    item,
    listing,
    long_reply,
    reply,
    row,
)
from .experiment import Answer, Outcome, abused, fault, request, run, up_by_target


DIGITS = "7" * 400
LARGEST = 2.0**53
NESTED = b"[" * 100_000 + b"]" * 100_000
GOOD = 1
"""The number of the project whose answers are good."""


@fault(
    "numbers", "quota, limit, duration of 400 digits, 1e400, NaN, as number and text"
)
async def numbers(folder: Path) -> Outcome:
    """Give each of 36 projects one such number; one more project is healthy."""
    cloud = RawCloud()
    values = [DIGITS, f'"{DIGITS}"', "1e400", '"1e400"', "NaN", '"NaN"']
    apis = {GOOD: "v1"}
    for field in ("quota", "limit", "duration"):
        for value in values:
            for api in ("v1", "v2"):
                number = len(apis) + 1
                apis[number] = api
                cloud.answers[number] = partial(_with_number, field, value)
    return await _isolated(folder, cloud, apis, all_fail=False)


def _with_number(field: str, value: str, received: Request) -> bytes:
    body = json.dumps(listing(received, **{field: 123454321}))
    return reply(body.replace("123454321", value).encode())


@fault("total-too-large", "a total of 100 with 5 jobs")
async def total_too_large(folder: Path) -> Outcome:
    """List five of a hundred jobs."""
    return await _incomplete(folder, lambda new: [new(n) for n in range(1, 6)], 100)


@fault("total-without-jobs", "a total of 3 without `jobs`")
async def total_without_jobs(folder: Path) -> Outcome:
    """List none of three jobs, without the list itself."""
    return await _incomplete(folder, lambda new: None, 3)


@fault("same-job", "a total of 3, and one ID three times")
async def same_job(folder: Path) -> Outcome:
    """List one job three times."""
    return await _incomplete(folder, lambda new: [new(1)] * 3, 3)


async def _incomplete(
    folder: Path, jobs: Callable[[Callable[[int], object]], object], total: int
) -> Outcome:
    def answer(received: Request) -> bytes:
        is_v2 = received.api == "training-job-searches"
        key = "items" if is_v2 else "jobs"
        content = listing(received, total=total)
        if key in content:
            listed = jobs(item if is_v2 else row) if received.is_first_page else []
            content[key] = listed
            if listed is None:
                del content[key]
        return reply(content)

    cloud = RawCloud({2: answer, 3: answer})
    return await _isolated(folder, cloud, {1: "v1", 2: "v1", 3: "v2"})


@fault("nesting", "JSON nested 100,000 deep")
async def nesting(folder: Path) -> Outcome:
    """Nest whole answers, jobs, and a field that the exporter does not use."""

    def nested(where: str, received: Request) -> bytes:
        if where == "all":
            return reply(NESTED)
        body = json.dumps(listing(received) | {where: 123454321})
        return reply(body.encode().replace(b"123454321", NESTED))

    places = ["all", "jobs", "items", "unknown"]
    cloud = RawCloud({n: partial(nested, where) for n, where in enumerate(places, 2)})
    apis = {1: "v1", 2: "v1", 3: "v1", 4: "v2", 5: "v1"}
    return await _isolated(folder, cloud, apis, all_fail=False)


@fault("token", "a token with control characters")
async def token(folder: Path) -> Outcome:
    """Log in to a cloud whose token does not fit a header."""

    def answer(received: Request) -> bytes:
        return reply(
            listing(received), "X-Subject-Token: a\1b\x7fc", status="201 Created"
        )

    cloud = RawCloud({0: answer})
    return await _isolated(
        folder, cloud, {1: "v1", 2: "v2"}, auth=PASSWORD, has_good=False
    )


async def _isolated(
    folder: Path,
    cloud: RawCloud,
    apis: dict[int, str],
    *,
    all_fail: bool = True,
    has_good: bool = True,
    auth: str | None = None,
) -> Outcome:
    """Request everything; only the first project is healthy, and no other may be up."""
    async with cloud.serve() as url:
        file = configure(
            folder / "modelarts.yml", url, apis, **({"auth": auth} if auth else {})
        )
        async with abused(file) as experiment:
            metrics = await experiment.scrape(10)
            page = await request(experiment.exporter, "/")
            probes = [
                (await experiment.scrape(10, f"/probe?project=p{number:03}")).status
                for number in apis
            ]
            once = await run("once", f"--config.file={file}")
            check = await run("check", f"--config.file={file}")
            rows = sum(f"p{number:03}" in check.output for number in apis)
            found = up_by_target(metrics)
            name = f"p{GOOD:03}"
            is_up = all(found.get((name, k)) for k in ("training", "visualization"))
            others = [up for target, up in found.items() if target[0] != name]
            nonsense = _nonsense(metrics)
            ok = (
                metrics.status == 200
                and page.status == 200
                and set(probes) == {200}
                and (is_up or not has_good)
                and once.is_clean
                and check.is_clean
                and rows == len(apis)
                and not nonsense
                and not (all_fail and any(others))
            )
            return experiment.outcome(
                ok,
                "the other projects, page, once, check",
                f"/metrics {metrics.status or metrics.why}, page {page.status}, probes "
                f"{sorted(set(probes))}, good project {'up' if is_up else 'not up'}, "
                f"{sum(others)} of {len(others)} other collections up, {nonsense} samples "
                f"that are not plausible, once: {once}, check: {check} with "
                f"{rows} of {len(apis)} projects",
            )


def _nonsense(metrics: Answer) -> int:
    """Return how many samples of jobs are not finite, or beyond 2**53."""
    values = [
        float(line.rpartition(" ")[2])
        for line in metrics.body.splitlines()
        if line.startswith("modelarts_") and metrics.status == 200
    ]
    return sum(not math.isfinite(value) or abs(value) > LARGEST for value in values)


@fault("gzip-bomb", "`Content-Encoding: gzip, gzip`, a few kB that become 2 GiB")
async def doubly_compressed(folder: Path) -> Outcome:
    """Answer one of two projects in this way."""
    body = gzip.compress(gzip_bomb(2048))
    cloud = RawCloud({2: lambda received: reply(body, "Content-Encoding: gzip, gzip")})
    async with cloud.serve() as url:
        file = configure(folder / "modelarts.yml", url, {1: "v1", 2: "v1"})
        async with abused(file) as experiment:
            answer = await experiment.scrape(10)
            up = up_by_target(answer)
            ok = up.get(("p001", "training")) and not up.get(("p002", "training"))
            return experiment.outcome(
                bool(ok) and answer.seconds <= 12,
                "the other project",
                f"{len(body)} bytes sent, scrape {answer.status or answer.why} after "
                f"{answer.seconds:.1f} s",
            )


@fault("hostile-answers", "150 hostile answers at once, a project each")
async def hostile_answers(folder: Path) -> Outcome:
    """Answer 150 projects with bombs and oversized bodies; one more is healthy."""
    bomb = gzip_bomb(1024)
    padded = gzip.compress(b'{"jobs": "' + b" " * (15 * MEBIBYTE) + b'"}', 1)
    twice = gzip.compress(bomb)
    kinds: list[Callable[[Request], bytes | Iterable[bytes]]] = [
        lambda received: reply(bomb, "Content-Encoding: gzip"),
        lambda received: reply(twice, "Content-Encoding: gzip, gzip"),
        lambda received: reply(padded, "Content-Encoding: gzip"),
        lambda received: long_reply(64),
        lambda received: reply(NESTED),
    ]
    cloud = RawCloud({number: kinds[number % 5] for number in range(2, 152)})
    async with cloud.serve() as url:
        file = configure(
            folder / "modelarts.yml",
            url,
            dict.fromkeys(range(1, 152), "v1"),
            collection="max_concurrent_requests: 200",
        )
        async with abused(file) as experiment:
            answer = await experiment.scrape(10)
            up = up_by_target(answer)
            ok = up.get(("p001", "training")) and sum(up.values()) <= 2
            return experiment.outcome(
                bool(ok) and answer.seconds <= 12,
                "the healthy project",
                f"scrape {answer.status or answer.why} after {answer.seconds:.1f} s, "
                f"{sum(up.values())} of {len(up)} collections up",
            )


@fault("cookies", "an API that sets cookies")
async def cookies(folder: Path) -> Outcome:
    """Set a cookie for one project, scrape three times, and look for it in requests."""

    def answer(received: Request) -> bytes:
        return reply(listing(received), "Set-Cookie: session=tracked; Path=/")

    cloud = RawCloud({1: answer})
    async with cloud.serve() as url:
        file = configure(folder / "modelarts.yml", url, {1: "v1", 2: "v1"})
        async with abused(file) as experiment:
            for _ in range(3):
                await experiment.scrape(10)
            sent = [one for one in cloud.received if "\r\ncookie:" in one.head.lower()]
            others = sum(one.project != 1 for one in sent)
            return experiment.outcome(
                not sent and len(cloud.received) >= 12,
                "everything",
                f"a cookie in {len(sent)} of {len(cloud.received)} requests, "
                f"{others} of them of another project",
            )
