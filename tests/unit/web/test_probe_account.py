"""/probe?debug=true: requests, answers, and the resulting metrics."""

import asyncio
import re

import httpx
import pytest

from harness import (
    PASSWORD,
    SECRET_KEY,
    Scrape,
    exporting_from,
    key_auth,
    password_auth,
    simulated,
)

from exporter.simulator import Effect, Fault


LISTING = f"GET /v1/{1:032x}/training-jobs"
LOGIN = "POST /v3/auth/tokens"


async def explained(exporter, query="", **headers):
    """Return the debug output and the metrics of project `a`."""
    response = await exporter.client.get(
        f"{exporter.url}/probe?project=a&debug=true{query}", headers=headers
    )
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    account, _, metrics = response.text.partition("\n\nThe metrics:\n")
    return account, Scrape(httpx.Response(200, text=metrics))


def rows(account, request):
    """Return the columns of the rows about a request."""
    return [
        re.split(r"  +", line.strip())
        for line in account.splitlines()
        if request in line and not line.startswith("  the request:")
    ]


async def test_every_request_and_then_the_metrics():
    """Login, pages and their times are shown for each kind, then the usual metrics."""
    cloud = simulated("a", "b")
    async with exporting_from(cloud, page_size=5) as exporter:
        account, scrape = await explained(exporter)

    assert account.startswith(f"Project a, ID {1:032x}, workspace 0, cloud otc, region")
    assert re.search(
        r"^Training jobs \(v1\): 13 jobs after [0-9.]+ s", account, re.MULTILINE
    )
    assert re.search(r"^Visualization jobs: 1 jobs after", account, re.MULTILINE)
    listed = rows(account, LISTING)
    assert len(listed) == len(cloud.asked("training_jobs"))
    for (
        started,
        waited,
        took,
        attempt,
        operation,
        status,
        code,
        request_id,
        _,
    ) in listed:
        assert min(int(started), int(waited), int(took)) >= 0
        assert (attempt, operation, status, code) == ("1", "training_jobs", "200", "-")
        assert re.fullmatch("[0-9a-f]{32}", request_id)
    # The login that both kinds wait for is shown for each.
    assert [row[5] for row in rows(account, LOGIN)] == ["201", "201"]
    assert scrape.up() == {("a", "training"): 1, ("a", "visualization"): 1}


async def test_retries_and_the_failure():
    """A retry has a row of its own; the failure has its advice and the request."""
    cloud = simulated("a")
    cloud.faults.add(
        Fault(effect=Effect.STATUS, status=503, api="training_jobs", times=1)
    )
    cloud.faults.add(
        Fault(
            effect=Effect.STATUS,
            status=403,
            code="ModelArts.0108",
            api="training_jobs",
        )
    )
    async with exporting_from(cloud) as exporter:
        account, scrape = await explained(exporter, "&kind=training")

    assert [(row[3], row[5], row[6]) for row in rows(account, LISTING)] == [
        ("1", "503", "-"),
        ("2", "403", "ModelArts.0108"),
    ]
    assert "Training jobs (v1): failed (permission) after" in account
    assert "what to do: grant the exporter's user modelarts:trainJob:list" in account
    assert "Visualization" not in account
    assert scrape.up() == {("a", "training"): 0}


@pytest.mark.slow
async def test_a_request_without_an_answer_is_shown():
    """A request that hangs at the deadline is shown."""
    cloud = simulated("a")
    cloud.faults.add(Fault(effect=Effect.HANG, api="training_jobs"))
    async with exporting_from(cloud, timeout=0.7) as exporter:
        account, _ = await explained(exporter)

    (row,) = rows(account, LISTING)
    assert row[-1].endswith((": no answer yet", ": canceled"))
    assert "failed (timeout)" in account


@pytest.mark.slow
async def test_a_probe_that_joins_a_run_shows_the_requests_of_the_run():
    """Requests that were sent before the probe joined the run are shown, too."""
    cloud = simulated("a")
    cloud.faults.add(Fault(effect=Effect.HANG, api="visualization_jobs"))
    started = asyncio.Event()
    cloud.before_answer = lambda *_: started.set()
    async with exporting_from(cloud) as exporter:
        first = asyncio.create_task(exporter.scrape(30))
        await started.wait()
        account, _ = await explained(
            exporter,
            "&kind=visualization",
            **{"X-Prometheus-Scrape-Timeout-Seconds": "1"},
        )
        first.cancel()
        await asyncio.wait([first])

    assert len(cloud.asked("auth_tokens")) == 1
    assert len(rows(account, LOGIN)) == 1
    assert len(rows(account, "visualization-jobs")) == 1


async def test_a_recent_result_comes_with_its_requests():
    """A result reused under `min_interval` is shown with its requests."""
    cloud = simulated("a")
    async with exporting_from(cloud, min_interval=3600.0) as exporter:
        await exporter.scrape()
        asked = len(cloud.asked())
        account, _ = await explained(exporter)

    assert len(cloud.asked()) == asked
    assert len(rows(account, LISTING)) == 1


@pytest.mark.slow
async def test_many_requests_are_cut_off():
    """The first 200 are shown, with the number of the others."""
    cloud = simulated("a")
    cloud.projects[0].training.history(300, cloud.clock.now() - 3600)
    async with exporting_from(cloud, page_size=1) as exporter:
        account, _ = await explained(exporter, "&kind=training")

    assert len(rows(account, LISTING)) < 200
    assert re.search(r"^  and [0-9]+ more$", account, re.MULTILINE)


@pytest.mark.parametrize(
    "auth", [password_auth("wrong-canary"), key_auth("wrong-canary"), None]
)
async def test_no_secret_is_shown(auth):
    """No secret is shown, even if the API repeats signed headers."""
    cloud = simulated("a")
    cloud.faults.add(Fault(effect=Effect.ECHO, status=401, api="training_jobs"))
    async with exporting_from(cloud, auth) as exporter:
        account, _ = await explained(exporter)

    for secret in ("wrong-canary", PASSWORD, SECRET_KEY, "AKCANARY", "canonical"):
        assert secret not in account
