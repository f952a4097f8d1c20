"""What operators see of failed requests, in the log, page and check command."""

import re

import pytest

from harness import (
    PASSWORD,
    configuration,
    exporting_from,
    key_auth,
    password_auth,
    simulated,
)

from exporter.check import as_json, check_all, table
from exporter.simulator import Effect, Fault, serve


LISTING = f"/v1/{1:032x}/training-jobs"


def fields(line):
    """Return the fields of a line in logfmt."""
    return {
        name: quoted or word
        for name, quoted, word in re.findall(r'(\w+)=(?:"([^"]*)"|(\S*))', line)
    }


def lines_of(logged, message):
    """Return the fields of the lines with this message."""
    return [one for one in map(fields, logged()) if one["msg"] == message]


def not_offered():
    """Return a fault: the gateway does not know the listing."""
    return Fault(
        effect=Effect.STATUS, status=404, code="APIG.0101", api="training_jobs"
    )


async def test_the_log_and_the_page_show_the_failed_request(logged):
    """Method, path, status, code and request ID are in the log and on the page."""
    cloud = simulated("a")
    cloud.faults.add(not_offered())
    async with exporting_from(cloud) as exporter:
        await exporter.scrape()
        page = (await exporter.client.get(f"{exporter.url}/?project=a")).text
    (line,) = lines_of(logged, "collection failed")

    assert (line["api"], line["method"], line["path"]) == (
        "training_jobs",
        "GET",
        LISTING,
    )
    assert (line["status"], line["error_code"]) == ("404", "APIG.0101")
    assert re.fullmatch("[0-9a-f]{32}", line["request_id"])
    assert f"GET {LISTING} (training_jobs), request ID {line['request_id']}" in page


async def test_check_shows_the_failed_request():
    """The table and the JSON have what the cloud's support needs."""
    cloud = simulated("a")
    cloud.faults.add(not_offered())
    async with serve(cloud) as url:
        findings = await check_all(configuration(cloud, url), lambda _: None)

    for text in (table(findings), as_json(findings)):
        assert re.search(
            rf"GET {LISTING} \(training_jobs\), request ID [0-9a-f]{{32}}", text
        )


async def test_a_line_for_every_request(logged):
    """At level debug, the login and each page are logged, without the query."""
    cloud = simulated("a")
    cloud.faults.add(
        Fault(effect=Effect.STATUS, status=503, api="training_jobs", times=1)
    )
    async with exporting_from(cloud) as exporter:
        await exporter.scrape()
    lines = lines_of(logged, "request")

    assert len(lines) == len(cloud.record)
    login, *_ = lines
    assert (login["level"], login["api"]) == ("debug", "auth_tokens")
    assert (login["method"], login["path"]) == ("POST", "/v3/auth/tokens")
    listing = [line for line in lines if line["path"] == LISTING]
    assert [(line["status"], line["attempt"]) for line in listing] == [
        ("503", "1"),
        ("200", "2"),
    ]
    for line in lines:
        assert (line["cloud"], line["project"]) == ("otc", "a")
        assert int(line["ms"]) >= 0
        assert int(line["waited_ms"]) >= 0


async def test_a_request_without_a_response(logged):
    """The line of a request that got no response gives the reason."""
    cloud = simulated("a")
    cloud.faults.add(Fault(effect=Effect.RESET, api="training_jobs"))
    async with exporting_from(cloud) as exporter:
        await exporter.scrape()
    lines = lines_of(logged, "request")
    broken = [line for line in lines if line["path"] == LISTING]

    assert broken
    for line in broken:
        assert line["problem"].startswith("the connection broke")
        assert "status" not in line


async def test_a_wrong_password_says_what_to_check(logged):
    """The line names the login, and everything that may be wrong about it."""
    async with exporting_from(simulated("a"), password_auth("wrong")) as exporter:
        await exporter.scrape()
    failed = lines_of(logged, "collection failed")

    assert failed
    for line in failed:
        assert (line["api"], line["path"]) == ("auth_tokens", "/v3/auth/tokens")
        for word in ("username", "domain", "password", "programmatic access"):
            assert word in line["advice"]


async def test_a_wrong_key_says_what_to_check(logged):
    """Without a login, no user is named; the request keeps its own operation."""
    async with exporting_from(simulated("a"), key_auth("wrong")) as exporter:
        await exporter.scrape()
    failed = lines_of(logged, "collection failed")

    assert failed
    for line in failed:
        assert line["path"].startswith("/v1/")
        assert "clock" in line["advice"]
        assert "username" not in line["advice"]
    assert PASSWORD not in str(failed)


@pytest.mark.slow
async def test_a_request_that_the_scrape_cancels(logged):
    """A request that is canceled at the deadline is logged, too."""
    cloud = simulated("a")
    cloud.faults.add(Fault(effect=Effect.HANG, api="training_jobs"))
    async with exporting_from(cloud, timeout=0.5) as exporter:
        await exporter.scrape()
    hung = [line for line in lines_of(logged, "request") if line["path"] == LISTING]

    assert [line["problem"] for line in hung] == ["canceled"]
