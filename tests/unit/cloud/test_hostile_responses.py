"""Responses with broken HTTP, broken content, or far too much of it."""

import asyncio
import gzip
import json
import zlib

from dataclasses import replace

import pytest

from harness import configuration, exporting, simulated
from raw_cloud import JOBS, TOKEN, gzipped, http, raw_cloud, zeros

from exporter.check import Step, check_all
from exporter.collectors.base import Registry
from exporter.collectors.jobs.poller import JobPoller
from exporter.collectors.registry import REGISTRY


DEEP = b'{"a":' + b"[" * 100_000


@pytest.fixture(autouse=True)
def _no_retries(monkeypatch):
    """Do not retry: these tests are not about retries."""
    monkeypatch.setattr("exporter.cloud.client._MAX_RETRIES", 0)


async def closing(writer, answer):
    """Write an answer, and close the connection."""
    writer.write(answer)
    await writer.drain()
    writer.close()


def closed_after(answer):
    """Return an answer after which the connection is closed."""
    return lambda writer: closing(writer, answer)


def configured(url, *names, **collection):
    """Return a configuration of projects with these names."""
    return configuration(simulated(*names), url, **collection)


async def scraped(cloud, *names):
    """Scrape projects of a cloud once."""
    async with exporting(configured(cloud.url, *names)) as exporter:
        return await exporter.scrape()


async def reload(exporter):
    """Let the exporter reload its configuration."""
    response = await exporter.client.post(f"{exporter.url}/-/reload")
    assert response.status_code == 200


MIB = 1 << 20
ROWS = b",".join(b'{"job_id":%d}' % number for number in range(1001))

UNREADABLE = {
    "gzip twice": (
        http(gzip.compress(gzip.compress(JOBS)), b"Content-Encoding: gzip, gzip"),
        "more than one content coding",
    ),
    "two headers": (
        http(JOBS, b"Content-Encoding: gzip", b"Content-Encoding: gzip"),
        "more than one content coding",
    ),
    "deflate": (http(zlib.compress(JOBS), b"Content-Encoding: deflate"), "deflate"),
    "raw deflate": (
        http(zeros(1, wbits=-15), b"Content-Encoding: deflate"),
        "deflate",
    ),
    "br": (http(JOBS, b"Content-Encoding: br"), "br"),
    "zstd": (http(JOBS, b"Content-Encoding: zstd"), "zstd"),
    "no gzip": (gzipped(JOBS), "not valid gzip"),
    "bomb": (gzipped(zeros(8)), "more than 4096 KiB"),
    "members": (
        gzipped(gzip.compress(JOBS) + gzip.compress(b" ")),
        "continues after the end",
    ),
    "garbage after": (gzipped(gzip.compress(JOBS) + b"x"), "continues after the end"),
    "half": (gzipped(gzip.compress(JOBS)[:-4]), "ends before its gzip stream"),
    "oversized": (http(b" " * (5 * MIB)), "more than 4096 KiB"),
    "deep": (http(DEEP), "nested too deeply"),
    "tiny jobs": (
        http(b'{"jobs":[' + b'{"job_id":1},' * 300_000),
        "more than 65536 objects",
    ),
    "more jobs than asked": (
        http(b'{"job_total_count":1001,"jobs":[' + ROWS + b"]}"),
        "lists 1001, but 1000 were requested",
    ),
    "long id": (
        http(b'{"jobs":[{"job_id":"' + b"a" * 257 + b'"}]}'),
        "$.jobs[0].job_id",
    ),
}


@pytest.mark.parametrize(("answer", "words"), UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.slow
async def test_an_answer_that_cannot_be_read(answer, words, logged):
    """An unreadable answer is a failure of its project, in words; the others are up."""
    async with raw_cloud({f"/v1/{1:032x}/training": answer}) as cloud:
        scrape = await scraped(cloud, "a", "b")

    assert scrape.errors("a", "training") == {"response": 1}
    assert [key for key, up in scrape.up().items() if not up] == [("a", "training")]
    assert any(words in line for line in logged())


async def test_one_coding_is_asked_for_and_read():
    """Requests ask for gzip alone, and gzipped answers are read."""
    async with raw_cloud({"training": gzipped(gzip.compress(JOBS))}) as cloud:
        scrape = await scraped(cloud, "a")

    assert set(scrape.up().values()) == {1.0}
    for head in cloud.heads:
        assert "\r\naccept-encoding: gzip\r\n" in head.lower()


NOT_HTTP = {
    "status line": (b"GARBAGE\r\n\r\n", "response"),
    "HTTP/2": (b"HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\n{}", "response"),
    "header flood": (
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 100_000 + b"\r\n",
        "response",
    ),
    "header of 1 MB": (
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 1_000_000 + b"\r\n\r\n",
        "response",
    ),
    "negative length": (b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}", "response"),
    "two lengths": (http(JOBS, b"Content-Length: 3"), "response"),
    "length and chunks": (http(JOBS, b"Transfer-Encoding: chunked"), "response"),
    "chunk garbage": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "response",
    ),
    "trailer flood": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
        + b"A: b\r\n" * 100_000,
        "response",
    ),
    "body of 204": (
        b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}",
        "response",
    ),
    "switching protocols": (
        b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "api",
    ),
    "redirect nowhere": (
        http(b"", b"Location: http://[::\xff/", status=b"302 Found"),
        "response",
    ),
    "length too short": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + JOBS,
        "response",
    ),
    "length too long": (closed_after(http(JOBS)[:-1]), "network"),
    "no answer": (closed_after(b""), "network"),
    "half a head": (closed_after(b"HTTP/1.1 200 OK\r\nConte"), "network"),
    "status 099": (http(JOBS, status=b"099 OK"), "api"),
    "status 999": (http(JOBS, status=b"999 OK"), "api"),
}


@pytest.mark.parametrize(("answer", "reason"), NOT_HTTP.values(), ids=NOT_HTTP)
@pytest.mark.slow
async def test_an_answer_that_is_invalid_http(answer, reason, logged):
    """An invalid response is a failure with a reason, never an internal error."""
    async with raw_cloud({f"/v1/{1:032x}/training": answer}) as cloud:
        scrape = await scraped(cloud, "a", "b")

    assert scrape.errors("a", "training") == {reason: 1}
    assert [key for key, up in scrape.up().items() if not up] == [("a", "training")]
    assert not any("in the exporter" in line for line in logged())


@pytest.mark.parametrize(
    "answer",
    [
        http(JOBS, status=b"200 \xff\xfe"),
        b"HTTP/1.1 100 Continue\r\n\r\n" * 100 + http(JOBS),
        b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + http(JOBS),
        http(JOBS, b"Content-Type: \xff; charset=\xfe", b"Set-Cookie: \xff"),
        http(JOBS, b"Date: " + b"9" * 5000, b"Retry-After: 1e400"),
        http(JOBS, b"Date: Fri, 31 Dec 9999 23:59:59 GMT"),
    ],
    ids=["reason", "100", "103", "charset", "date", "year 9999"],
)
async def test_an_answer_that_is_odd_but_valid(answer):
    """Oddities that do not matter are ignored."""
    async with raw_cloud({"/training-jobs": answer}) as cloud:
        scrape = await scraped(cloud, "a")

    assert set(scrape.up().values()) == {1.0}


@pytest.mark.slow
async def test_an_answer_that_nobody_asked_for():
    """Bytes that arrive between two requests are not taken for the second answer."""
    sent = asyncio.Event()

    async def answered_twice(writer):
        writer.write(http(JOBS))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(
            http(JOBS.replace(b'"job_total_count": 0', b'"job_total_count": 7'))
        )
        await writer.drain()
        sent.set()

    answers = {f"/v1/{1:032x}/training": answered_twice}
    async with raw_cloud(answers) as cloud:
        projects = configured(cloud.url, "a", "b")
        first, second = (
            replace(p, collectors=("training_jobs",)) for p in projects.projects
        )
        one, other = (replace(projects, projects=(p,)) for p in (first, second))
        load = iter([one, other])
        async with exporting(one, lambda: next(load)) as exporter:
            assert (await exporter.scrape()).up() == {("a", "training"): 1}
            await sent.wait()
            # Over a connection of its own, to be sure that the first answer has
            # arrived.
            await reload(exporter)
            scrape = await exporter.scrape()

    assert scrape.series("jobs", project="b")
    assert scrape.value("created_jobs", project="b", kind="training") == 0


async def test_no_cookie_is_kept_or_sent():
    """A cookie that one project's answers set is sent with no other request."""
    cookies = (b"Set-Cookie: session=tracked; Path=/", b"Set-Cookie: odd=\xff; Path=/")
    answers = {"/training-jobs": http(JOBS, *cookies)}
    token = http(TOKEN, b"X-Subject-Token: token", *cookies)
    async with raw_cloud(answers, token=token) as cloud:
        config = configured(cloud.url, "a", "b")
        async with exporting(config) as exporter:
            for _ in range(2):
                scrape = await exporter.scrape()
                assert set(scrape.up().values()) == {1.0}

    assert len(cloud.heads) == 10
    assert not [head for head in cloud.heads if "cookie" in head.lower()]


@pytest.mark.slow
@pytest.mark.parametrize(
    "retry_after",
    [
        b"99999999999",
        b"999999999",
        b"9" * 5000,
        b"-1",
        b"-0",
        b"1e400",
        b"nan",
        b"Fri, 31 Dec 9999 23:59:59 GMT",
    ],
)
async def test_a_cooldown_is_bounded(retry_after, logged):
    """However long `Retry-After` is, the API is asked again after five minutes."""
    answer = http(
        b"",
        b"Retry-After: " + retry_after,
        b"Date: Sat, 21 Nov 2026 07:28:00 GMT",
        status=b"429 Slow",
    )
    async with raw_cloud({f"/v1/{1:032x}/training": answer}) as cloud:
        config = configured(cloud.url, "a", timeout=2.0)
        async with exporting(config) as exporter:
            first = await exporter.scrape()
            again = await exporter.scrape()

    assert first.up()["a", "training"] == again.up()["a", "training"] == 0
    assert set(again.errors("a", "training")) <= {"throttled", "timeout"}
    lines = [line for line in logged() if "for another" in line]
    assert all(" 300 s" in line or " 299 s" in line for line in lines)


@pytest.mark.parametrize(
    "answers",
    [
        {f"/v1/{1:032x}/training": http(DEEP)},
        {f"/v1/{1:032x}/training": http(DEEP, status=b"403 Forbidden")},
        {f"/v1/{1:032x}/training": http(JOBS, status=b"200 \xff")},
        {f"/v1/{1:032x}/training": gzipped(b"x")},
    ],
    ids=["listing", "error", "reason", "gzip"],
)
async def test_check_goes_on(answers):
    """Such an answer fails its project's row in `check`, and no other."""
    async with raw_cloud(answers) as cloud:
        findings = await check_all(configured(cloud.url, "a", "b"), lambda _: None)

    assert [one.ok for one in findings[1:]] == [True] * 3
    if not findings[0].ok:
        assert findings[0].problems[0].problem


async def test_check_survives_an_internal_error():
    """An internal error fails its row, with words and without the exception's text."""

    def broken(target, *others):
        if target.project.name == "a":
            raise LookupError("canary")
        return JobPoller(target, *others)

    registry = Registry(tuple(replace(p, open=broken) for p in REGISTRY.products))
    async with raw_cloud() as cloud:
        findings = await check_all(
            configured(cloud.url, "a", "b"), lambda _: None, registry
        )

    assert [one.ok for one in findings] == [False, False, True, True]
    assert "LookupError" in findings[0].problems[0].problem
    assert "canary" not in findings[0].problems[0].problem
    assert findings[0].steps[Step.JOBS].ok is False


@pytest.mark.slow
async def test_a_check_that_is_never_answered_ends(monkeypatch):
    """An answer that never ends fails its row in the end."""
    monkeypatch.setattr("exporter.check.checks._TOTAL_SECONDS", 0.3)

    async def drip(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with raw_cloud({f"/v1/{1:032x}/training": drip}) as cloud:
        findings = await check_all(configured(cloud.url, "a"), lambda _: None)

    assert [one.ok for one in findings] == [False, True]
    assert "no complete response" in findings[0].problems[0].problem


@pytest.mark.parametrize(
    "token", [http(DEEP, b"X-Subject-Token: t"), gzipped(zeros(8))]
)
async def test_a_login_that_cannot_be_read(token):
    """An unreadable login answer is a failure with a reason."""
    async with raw_cloud(token=token) as cloud:
        scrape = await scraped(cloud, "a")
        findings = await check_all(configured(cloud.url, "a"), lambda _: None)

    assert scrape.errors("a", "training") == {"response": 1}
    assert [one.ok for one in findings] == [False, False]


@pytest.mark.slow
async def test_an_error_as_large_as_it_likes():
    """The status of an error counts, however large its body is."""
    body = json.dumps({"error_code": "ModelArts.0010", "x": "y" * MIB}).encode()
    answers = {
        f"/v1/{1:032x}/training": http(body, status=b"403 Forbidden"),
        f"/v1/{1:032x}/visual": http(
            zeros(64), b"Content-Encoding: gzip", status=b"403 Forbidden"
        ),
    }
    async with raw_cloud(answers) as cloud:
        scrape = await scraped(cloud, "a")

    assert scrape.errors("a", "training") == {"permission": 1}
    assert scrape.errors("a", "visualization") == {"permission": 1}


async def test_a_project_that_changes_its_id_gets_another_token():
    """If a name belongs to another project after a reload, it needs a new token."""
    async with raw_cloud() as cloud:
        before = configured(cloud.url, "a")
        (project,) = before.projects
        after = replace(before, projects=(replace(project, project_id=f"{9:032x}"),))
        load = iter([before, after])
        async with exporting(before, lambda: next(load)) as exporter:
            await exporter.scrape()
            await reload(exporter)
            await exporter.scrape()

    assert len([head for head in cloud.heads if "/auth/tokens" in head]) == 2
