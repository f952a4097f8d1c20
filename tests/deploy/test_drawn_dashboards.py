"""
The dashboards as people see them, drawn by Grafana's own components.

Heatmaps and state timelines are boxes with their names, since no published package
draws them.
"""

import asyncio
import io
import re
import time

from dataclasses import replace

import httpx
import pytest

from dashboard_files import DASHBOARDS
from renderer import browser, grafana
from renderer.history import scrapes
from renderer.prometheus import Target, running
from unchanged_logging import unchanged_logging

from exporter.logs import LogFormat, LogLevel, configure


pytestmark = [
    pytest.mark.needs("npm", "chromium", "prometheus", "promtool", browser.ESBUILD),
    pytest.mark.slow,
    # A quarter of an hour is simulated, and nineteen dashboards are drawn, in half a
    # minute.
    pytest.mark.timeout(600),
]

MINUTES = 16.0
TARGETS = {
    "quarter-minute": Target(),
    "minute": Target(interval=60),
    "dead": Target(dead=360),
}
# Panels that only some projects have data for are drawn for one of these.
CHOSEN = {"modelarts-project": ["vision", "translation", "ranking", "speech"]}
SHOWS = {
    "s": r"\d (ns|µs|ms|s|mins?|hours?|days?|weeks?)\b",
    "percentunit": r"\d%",
    "bytes": r"\d [KMGT]?i?B\b",
    "reqps": r"\d (req/s|K req/s)",
    "short": r"\d",
    "none": r"\d|up|down|good",
    "string": r"",
}
# These query a time range, or are right to show data when the exporter is dead.
ALIVE_WHEN_DEAD = {"Exporter", "Firing alerts", "Failed in a day", "Projects"}


async def collected():
    """Return a quarter of an hour of the demo."""
    end = time.time()
    return [one async for one in scrapes(end - 60 * MINUTES, end)]


async def drawn(page, url, view):
    """Draw all dashboards; return each panel with what it shows."""
    found = []
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        prometheus = grafana.PrometheusClient(client)
        for uid, board in DASHBOARDS.items():
            for project in CHOSEN.get(uid, [None]):
                chosen = {"project": [project]} if project else {}
                panels = await grafana.answers(
                    board, replace(view, chosen=chosen), prometheus
                )
                await browser.draw(page, panels, view.start, view.end)
                numbered = {one["panel"]["id"]: one["panel"] for one in panels}
                found += [
                    (uid, numbered[seen.number], seen)
                    for seen in await browser.drawn_panels(page)
                ]
    return found


@pytest.fixture(scope="module")
def history():
    """Bundle the components; return scrapes of the demo."""
    browser.bundle()
    with unchanged_logging():
        configure(LogLevel.ERROR, LogFormat.LOGFMT, io.StringIO())
        return asyncio.run(collected())


@pytest.fixture(scope="module")
def seen(tmp_path_factory, history):
    """Return what the panels show with each target, drawn by one browser."""
    end = history[-1].moment

    async def all_drawn():
        found = {}
        async with browser.drawing(1200) as page:
            errors = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            view = grafana.View(end - 60 * MINUTES, end, 1200)
            for name, target in TARGETS.items():
                folder = tmp_path_factory.mktemp(name) / "data"
                with running(folder, history, target) as url:
                    found[name] = await drawn(page, url, view)
            assert not errors
        return found

    return asyncio.run(all_drawn())


def wrong_units(panel, shown):
    """Return values that are not in the unit that the panel or column declares."""
    defaults = panel["fieldConfig"]["defaults"]
    if panel["type"] != "table":
        unit = defaults["unit"]
        return [] if re.search(SHOWS[unit], shown.text) else [(unit, shown.text)]
    units = {
        column["matcher"]["options"]: one["value"]
        for column in panel["fieldConfig"]["overrides"]
        for one in column["properties"]
        if one["id"] == "unit"
    }
    titles, *rows = shown.rows
    return [
        (title, text)
        for row in rows
        for title, text in zip(titles, row, strict=True)
        if text != "-" and not re.search(SHOWS[units[title]], text)
    ]


@pytest.mark.parametrize("interval", ["quarter-minute", "minute"])
def test_every_panel_has_data(seen, interval):
    """Every panel has data in its declared unit, at either scrape interval."""
    found = seen[interval]

    failed = [shown.text for _, _, shown in found if shown.state == "failed"]
    assert not failed
    every = {(uid, panel["title"]) for uid, panel, _ in found}
    with_data = {
        (uid, panel["title"])
        for uid, panel, shown in found
        if shown.state in {"drawn", "undrawable"}
    }
    assert every - with_data == set()
    wrong = {
        (uid, panel["title"]): values
        for uid, panel, shown in found
        if shown.state == "drawn" and (values := wrong_units(panel, shown))
    }
    assert wrong == {}


def test_a_dead_exporter_is_seen(seen):
    """The exporter is down, its alert fires, and no panel shows old numbers."""
    found = seen["dead"]

    assert not [shown.text for _, _, shown in found if shown.state == "failed"]
    for uid, panel, shown in found:
        if panel["title"] == "Exporter":
            assert "down" in shown.text
        elif panel["title"] == "Firing alerts":
            assert "ModelArtsExporterDown" in shown.text
        elif panel["type"] in {"stat", "bargauge", "table"}:
            is_empty = shown.state == "empty"
            assert is_empty or panel["title"] in ALIVE_WHEN_DEAD, (uid, shown.text)


@pytest.fixture(scope="module")
def by_minute(tmp_path_factory, history):
    """Run a Prometheus that scrapes once a minute; return its URL."""
    folder = tmp_path_factory.mktemp("by-minute") / "data"
    with running(folder, history, Target(interval=60)) as url:
        yield url


@pytest.mark.parametrize(("points", "tolerance"), [(2, 0.02), (10, 0.3)])
def test_finished_jobs_add_up_at_any_zoom(by_minute, history, points, tolerance):
    """
    The bars of a range add up to the growth of the counter in it.

    Bars as short as a scrape interval are smoothed, which blurs the ends of the range.
    """
    board = DASHBOARDS["modelarts-fleet"]
    (panel,) = [one for one in board["panels"] if one["title"] == "Finished jobs"]
    zoomed = {**board, "panels": [{**panel, "maxDataPoints": points}]}
    end = history[-1].moment // 300 * 300
    view = grafana.View(end - 600, end)
    counter = 'sum(modelarts_jobs_finished_total{job="modelarts"})'

    async def totals():
        async with httpx.AsyncClient(base_url=by_minute, timeout=60) as client:
            prometheus = grafana.PrometheusClient(client)
            ((answer,),) = [
                one["answers"]
                for one in await grafana.answers(zoomed, view, prometheus)
            ]
            ends = [
                await prometheus.ask("query", query=counter, time=moment)
                for moment in (view.start, view.end)
            ]
        # The first bar is for the time before.
        bars = [
            v for one in answer["series"] for t, v in one["values"] if t > view.start
        ]
        first, last = (float(one["data"]["result"][0]["value"][1]) for one in ends)
        return sum(float(value) for value in bars), last - first

    shown, grown = asyncio.run(totals())
    assert grown > 0
    assert shown == pytest.approx(grown, rel=tolerance)
