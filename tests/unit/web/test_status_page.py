"""The status page, as a person sees it, in a real browser."""

import re

from dataclasses import replace

import pytest

from harness import configuration, exporting, exporting_from, simulated

from exporter.collectors.spans import span
from exporter.config import Configuration
from exporter.errors import ConfigurationError, FileError
from exporter.simulator import Effect, Fault, serve


async def page_of(exporter) -> str:
    """Return the page's text."""
    response = await exporter.client.get(exporter.url)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    return response.text


def words(html: str) -> str:
    """Return what a person reads of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


async def test_it_never_starts_a_collection():
    """Before the first scrape it says so, and asks nothing."""
    cloud = simulated("a")
    async with exporting_from(cloud) as exporter:
        text = words(await page_of(exporter))

    assert text.count("not collected yet") == 2
    assert cloud.asked() == []


async def test_what_it_says_of_a_project():
    """Phases, quotas, the longest running job, and when that was."""
    cloud = simulated("a")
    training = cloud.projects[0].training
    training.jobs.clear()
    now = cloud.clock.now()
    stuck = training.create_job(8, created=now - 270_000)
    stuck.name = "hangs-since-friday"
    training.create_job(8, created=now - 100)
    training.create_job(7, created=now - 50)
    training.create_job(10, created=now - 9000, duration=60)
    async with exporting_from(cloud) as exporter:
        await exporter.scrape()
        html = await page_of(exporter)
    text = words(html)

    for expected in (
        "1 pending",
        "2 running",
        "1 succeeded",
        "2 of 5",
        "4 of 100",
        f"Longest running: 3 d 3 h, hangs-since-friday (job {stuck.job_id})",
        "2 of 2 collected",
        "took",
    ):
        assert expected in text, expected
    assert html.count("<rect ") == 3 + 1


async def test_what_it_says_of_a_failure():
    """Why a project is not collected, and what to do; failing projects come first."""
    cloud = simulated("a", "b")
    cloud.faults.add(
        Fault(
            effect=Effect.STATUS,
            status=403,
            code="ModelArts.0108",
            project_id=cloud.projects[1].project_id,
        )
    )
    async with exporting_from(cloud) as exporter:
        await exporter.scrape()
        html = await page_of(exporter)
    text = words(html)

    assert "2 of 4 collected, 2 failed" in text
    assert "What to do: grant the exporter's user modelarts:trainJob:list" in (
        text.replace("&#39;", "'")
    )
    assert html.index(">b</h2>") < html.index(">a</h2>")


async def test_mistakes_of_a_configuration():
    """A configuration that was not reloaded is shown with its errors."""
    cloud = simulated("a")
    broken = False

    def load() -> Configuration:
        if broken:
            error = FileError(3, "projects[0].name", "missing <b>")
            raise ConfigurationError("modelarts.yml", (error,))
        return configuration(cloud, url)

    async with serve(cloud) as url, exporting(load(), load) as exporter:
        broken = True
        await exporter.client.post(f"{exporter.url}/-/reload")
        html = await page_of(exporter)
        broken = False
        await exporter.client.post(f"{exporter.url}/-/reload")
        healed = await page_of(exporter)

    assert "modelarts.yml:3: projects[0].name: missing &lt;b&gt;" in html
    assert "not reloaded" not in healed


async def test_names_are_escaped():
    """A project, a cloud and a job may be called whatever they like."""
    evil = "<script>alert(1)</script>"
    cloud = simulated("a")
    cloud.projects[0].training.create_job(
        8, created=cloud.clock.now() - 9e5
    ).name = f"{evil}\"'"

    def renamed(configured):
        project = replace(configured.projects[0], name=f'{evil}&"')
        return replace(configured, projects=(project,))

    async with exporting_from(cloud, change=renamed) as exporter:
        await exporter.scrape()
        response = await exporter.client.get(exporter.url)

    assert "<script" not in response.text
    assert response.text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2
    assert "/probe?project=%3Cscript%3E" in response.text
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none';")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (90_061, "1 d 1 h"), (-5, "0 s")],
)
def test_spans(seconds, expected):
    """A length of time has two units at most."""
    assert span(seconds) == expected
