"""The status page over HTTP, as a person sees it."""

import contextlib
import re

from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from harness import configuration, exporting, exporting_from, simulated
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from exporter.collectors.spans import span
from exporter.config import Configuration, Shard, for_shard
from exporter.errors import ConfigurationError, FileError
from exporter.simulator import Effect, Fault, serve
from exporter.web.status_page.view import Column, InvalidViewError, Show, view_of


VALUES = st.one_of(
    st.sampled_from([*Show, *Column, *(f"-{one}" for one in Column)]),
    st.integers(-1, 5000).map(str),
    st.text(),
)
DAY, HOUR = (unit.total_seconds() for unit in (timedelta(days=1), timedelta(hours=1)))


async def page_of(exporter, query="") -> str:
    """Return the page's HTML."""
    response = await exporter.client.get(f"{exporter.url}/{query}")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    return response.text


def words(html: str) -> str:
    """Return the visible text of a page."""
    html = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace("&#39;", "'")


def rows(html: str) -> dict[str, str]:
    """Return the visible text of each row, by the project's name, in order."""
    found = re.findall(r'<tr id="p-[^"]*" class="l\d">(.*?)</tr>', html, re.DOTALL)
    return {
        re.search(r"aria-expanded=[^>]+>([^<]+)<", row)[1]: words(row) for row in found
    }


def tiles(html: str) -> dict[str, int]:
    """Return the numbers of the summary."""
    found = re.findall(r"<strong>([\d,]+)</strong> ([^<]+)</a></li>", html)
    return {title: int(number.replace(",", "")) for number, title in found}


def forbidden(cloud, *indices):
    """Deny the exporter to list the jobs of some projects."""
    for index in indices:
        project_id = cloud.projects[index].project_id
        cloud.faults.add(
            Fault(
                effect=Effect.STATUS,
                status=403,
                code="ModelArts.0108",
                project_id=project_id,
            )
        )


def quiet(*names):
    """Return a cloud of projects with a running job, and no problem."""
    cloud = simulated(*names)
    for project in cloud.projects:
        project.training.jobs.clear()
        project.visualization.jobs.clear()
        project.training.create_job(8, created=cloud.clock.now() - 100)
    return cloud


@contextlib.asynccontextmanager
async def scraped(cloud, change=None):
    """Run an exporter that has been scraped; its clock is the cloud's."""
    async with serve(cloud) as url:
        configured = configuration(cloud, url)
        if change is not None:
            configured = change(configured)
        async with exporting(configured, clock=cloud.clock.now) as exporter:
            await exporter.scrape()
            yield exporter


async def test_it_never_starts_a_collection():
    """Before the first scrape, the page says so, and no request is sent."""
    cloud = simulated("a")
    async with exporting_from(cloud) as exporter:
        html = await page_of(exporter, "?project=a")

    assert tiles(html)["Not collected yet"] == 1
    assert tiles(html)["Collected"] == 0
    assert words(html).count("Collected when Prometheus scrapes.") == 2
    assert "not collected yet" in rows(html)["a"]
    assert cloud.asked() == []


async def test_details_of_a_project():
    """The details have phases, quotas, and the longest running job with its start."""
    cloud = quiet("a")
    training = cloud.projects[0].training
    now = cloud.clock.now()
    stuck = training.create_job(8, created=now - 3 * DAY - 3 * HOUR)
    stuck.name = "hangs-since-friday"
    training.create_job(7, created=now - 50)
    training.create_job(10, created=now - 9000, duration=60)
    async with scraped(cloud) as exporter:
        closed = await page_of(exporter)
        html = await page_of(exporter, "?project=a")
    text = words(html)

    for expected in (
        "1 pending",
        "2 running",
        "1 succeeded",
        "2 of 5",
        "4 of 100",
        f"Longest running: 3 d 3 h, hangs-since-friday (job {stuck.job_id})",
        "Nothing there: Visualization jobs.",
    ):
        assert expected in text, expected
    assert "succeeded" not in words(closed)
    assert re.search(r"Last collected 0 s ago \(\d+\.\d\d s\)\.", text)


async def test_a_failure():
    """A failed project has the reason and advice; failing projects come first."""
    cloud = quiet("a", "b")
    forbidden(cloud, 1)
    async with scraped(cloud) as exporter:
        html = await page_of(exporter)

    assert list(rows(html)) == ["b", "a"]
    assert tiles(html)["Failing"] == tiles(html)["Collected"] == 1
    assert (
        "What to do: grant the exporter's user modelarts:trainJob:list"
        in (rows(html)["b"])
    )
    assert "/docs/runbooks/ModelArtsProjectNotCollected.md" in html
    assert "<title>ModelArts exporter: 1 failing</title>" in html


async def test_a_cause_that_projects_share_is_said_once():
    """A shared cause is above the table, with the names of its projects."""
    cloud = quiet("a", "b", "c")
    forbidden(cloud, 0, 2)
    async with scraped(cloud) as exporter:
        html = await page_of(exporter)
    text = words(html)

    assert "otc: Training jobs (v1) not collected in 2 projects a, c" in text
    assert text.count("grant the exporter's user modelarts:trainJob:list") == 1
    assert "Training jobs (v1) : permission, see above" in rows(html)["a"]


async def test_problems_come_first():
    """Problems are sorted by severity, with links to their runbooks."""
    cloud = quiet(
        "a-fine", "b-runs", "c-waits", "d-quota", "e-limit", "f-high", "g-fails"
    )
    now = cloud.clock.now()
    _, runs, waits, quota, limit, high, _ = (one.training for one in cloud.projects)
    runs.create_job(8, created=now - 2 * DAY - 60).name = "endless"
    waits.create_job(7, created=now - HOUR - 60)
    for _ in range(quota.quota):
        quota.create_job(8, created=now - 10)
    quota.create_job(7, created=now - 10)
    limit.history(limit.capacity - 1, now - 60)
    high.history(90, now - 60)
    forbidden(cloud, 6)
    async with scraped(cloud) as exporter:
        html = await page_of(exporter)
        problems = await page_of(exporter, "?show=problems")
        running = await page_of(exporter, "?show=running")
    found = rows(html)

    assert list(found) == [
        *("g-fails", "e-limit", "b-runs", "c-waits", "d-quota", "f-high", "a-fine")
    ]
    assert "no more jobs can be created." in found["e-limit"]
    assert "a job has been running for 2 d 1 min, “endless” (job " in found["b-runs"]
    assert "a job has been waiting for 1 h 1 min." in found["c-waits"]
    assert "quota full: 6 of 5 run, 1 wait." in found["d-quota"]
    assert "91 of 100 possible jobs exist." in found["f-high"]
    assert "OK" in found["a-fine"]
    for alert in (
        *("ProjectNotCollected", "NoJobCanBeCreated", "JobRunsLong", "JobsWaitLong"),
        *("RunningQuotaFull", "CapacityHigh"),
    ):
        assert f"/docs/runbooks/ModelArts{alert}.md" in html, alert
    assert tiles(html) == {
        "Projects": 7,
        "Collected": 6,
        "Failing": 1,
        "Quota full": 2,
        "Almost full": 1,
        "Waiting long": 1,
        "Running long": 1,
        "Unhealthy": 0,
    }
    assert list(rows(problems)) == [name for name in found if name != "a-fine"]
    assert list(rows(running)) == ["b-runs"]
    assert tiles(running) == tiles(html)


async def test_no_problem_at_the_threshold():
    """Alerts fire above it: two days, an hour, 80 %; a full quota needs a queue."""
    cloud = quiet("runs", "waits", "quota", "high")
    now = cloud.clock.now()
    runs, waits, quota, high = (one.training for one in cloud.projects)
    runs.create_job(8, created=now - 2 * DAY)
    waits.create_job(7, created=now - HOUR + 1)
    for _ in range(quota.quota - 1):
        quota.create_job(8, created=now - 10)
    high.history(79, now - 60)
    async with scraped(cloud) as exporter:
        html = await page_of(exporter)

    assert {name for name, row in rows(html).items() if "OK" not in row} == set()
    assert tiles(html)["Almost full"] == 0


async def test_a_projects_own_thresholds():
    """Labels of a project set its thresholds, as in the alerts; invalid ones do not."""
    cloud = quiet("a", "b", "c")
    now = cloud.clock.now()
    for project in cloud.projects:
        project.training.create_job(8, created=now - 3 * DAY)
        project.training.create_job(7, created=now - HOUR / 2)
    own = {
        "a": (("max_job_duration", "1w"), ("max_job_wait", "15m")),
        "b": (("max_job_duration", "4d"), ("max_job_wait", "1h")),
        "c": (("max_job_duration", "long"), ("max_job_wait", "")),
    }

    def labeled(configured):
        projects = (replace(one, labels=own[one.name]) for one in configured.projects)
        return replace(configured, projects=tuple(projects))

    async with scraped(cloud, labeled) as exporter:
        found = rows(await page_of(exporter))

    assert "a job has been waiting for 30 min." in found["a"]
    assert "running for" not in found["a"]
    assert "OK" in found["b"]
    assert "a job has been running for 3 d, " in found["c"]
    assert "waiting for" not in found["c"]


async def test_sorting():
    """Each column sorts what needs attention first; a second click reverses it."""
    cloud = quiet("a", "b", "c")
    now = cloud.clock.now()
    _, b, c = (one.training for one in cloud.projects)
    b.create_job(8, created=now - 5000)
    c.create_job(7, created=now - 50)
    c.create_job(7, created=now - 50)
    cloud.projects[0].visualization.create_job(7, created=now - 50)
    forbidden(cloud, 1)
    async with scraped(cloud) as exporter:
        orders = {
            sort: "".join(rows(await page_of(exporter, f"?sort={sort}")))
            for sort in (
                *("project", "-project", "status", "-status", "running", "-running"),
                *("waiting", "-waiting", "quota", "longest", "-longest", "collected"),
            )
        }
        html = await page_of(exporter, "?sort=waiting&q=c&refresh=30")

    assert orders == {
        "project": "abc",
        "-project": "cba",
        "status": "bac",
        "-status": "acb",
        "running": "acb",
        "-running": "bac",
        "waiting": "cab",
        "-waiting": "bac",
        "quota": "acb",
        "longest": "acb",
        "-longest": "bac",
        "collected": "abc",
    }
    # A link keeps the other parameters.
    assert 'href="?q=c&amp;sort=-waiting&amp;refresh=30"' in html
    assert 'href="?q=c&amp;sort=project&amp;refresh=30"' in html
    assert '<th scope="col" aria-sort="descending">' in html


async def test_filtering():
    """By words of a name, an ID, a cloud or a label, in any case; all have to match."""
    cloud = quiet("vision-prod", "vision-test", "speech")

    def labeled(configured):
        projects = tuple(
            replace(one, labels=(("team", one.name.partition("-")[0]),))
            for one in configured.projects
        )
        return replace(configured, projects=projects)

    async with scraped(cloud, labeled) as exporter:

        async def found(query):
            return list(rows(await page_of(exporter, f"?q={query}")))

        html = await page_of(exporter, "?q=VISION++test")
        by_words = [await found(q) for q in ("vision+test", "TEAM%3Dvision", "otc")]
        by_id = await found(cloud.projects[2].project_id)
        nothing = await page_of(exporter, "?q=%3Cb%3E&sort=running")

    assert list(rows(html)) == ["vision-test"]
    assert by_words == [
        ["vision-test"],
        ["vision-prod", "vision-test"],
        ["speech", "vision-prod", "vision-test"],
    ]
    assert by_id == ["speech"]
    assert "1 project of 3" in words(html)
    assert 'value="VISION test"' in html
    assert 'value="&lt;b&gt;"' in nothing
    assert '<input type="hidden" name="sort" value="running">' in nothing
    assert "No project is like that." in words(nothing)


async def test_details_open_and_close():
    """Several can be open; links keep the others open."""
    async with scraped(quiet("a", "b & co", "c")) as exporter:
        html = await page_of(exporter, "?project=a&project=b+%26+co&project=gone")
        closed = await page_of(exporter)

    assert html.count('class="details"') == html.count('aria-expanded="true"') == 2
    assert 'href="?project=b%20%26%20co&amp;project=gone#p-a"' in html
    assert 'id="p-b%20%26%20co"' in html
    assert "Hide details" in html
    assert 'href="?project=a&amp;project=b%20%26%20co&amp;project=c">Show' in closed
    assert 'class="details"' not in closed


async def test_a_shard_says_that_it_is_one():
    """Otherwise, a project of another shard would seem to be lost."""
    cloud = quiet("a", "b", "c", "d")
    shard = Shard(1, 3)
    async with scraped(cloud, lambda whole: for_shard(whole, shard)) as exporter:
        sharded = await page_of(exporter)
    async with scraped(cloud) as exporter:
        whole = await page_of(exporter)

    assert "shard 1 of 3: only its projects are here" in words(sharded)
    assert "shard" not in words(whole)


async def test_it_refreshes_itself_if_asked_to():
    """The interval is 5 s to an hour; by default, the page does not refresh."""
    async with exporting_from(quiet("a")) as exporter:
        never = await page_of(exporter)
        often = await page_of(exporter, "?refresh=30&q=a")
        odd = await page_of(exporter, "?refresh=3600")

    assert "http-equiv" not in never
    assert '<meta http-equiv="refresh" content="30">' in often
    assert '<a href="?q=a">off</a>' in often
    assert "<strong>30 s</strong>" in often
    assert "<strong>1 h</strong>" in odd


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("refresh=4", "refresh is a number of seconds from 5 to 3600."),
        ("refresh=3601", "refresh is a number of seconds from 5 to 3600."),
        ("refresh=x", "refresh is a number of seconds from 5 to 3600."),
        ("refresh=%D9%A3%D9%A0", "refresh is a number of seconds from 5 to 3600."),
        ("sort=name", "sort is one of: project, status,"),
        ("show=<b>", "show is one of: all, problems,"),
    ],
)
async def test_an_address_with_an_error(query, expected):
    """Invalid parameters are ignored, and not repeated."""
    async with exporting_from(quiet("a")) as exporter:
        response = await exporter.client.get(f"{exporter.url}/?{query}")

    assert response.status_code == 400
    assert response.text.startswith(expected)
    assert response.headers["Content-Type"].startswith("text/plain")


@given(
    pairs=st.lists(
        st.tuples(st.sampled_from(["q", "show", "sort", "refresh", "project"]), VALUES)
    )
)
def test_a_link_leads_to_its_view(pairs):
    """Any parameters are rejected, or kept as they are."""
    with contextlib.suppress(InvalidViewError):
        view = view_of(QueryParams(urlencode(pairs)))
        assert view_of(QueryParams(view.link().removeprefix("?"))) == view


@pytest.mark.slow
async def test_many_projects_make_a_small_page():
    """A project takes a few hundred bytes, as long as its details are closed."""

    def many(configured):
        (only,) = configured.projects
        some = (replace(only, name=f"project-{i:03}") for i in range(500))
        return replace(configured, projects=tuple(some))

    async with exporting_from(quiet("only"), change=many) as exporter:
        plain = await exporter.client.get(
            exporter.url, headers={"Accept-Encoding": "identity"}
        )
        zipped = await exporter.client.get(exporter.url)

    assert len(rows(plain.text)) == 500
    assert len(plain.content) < 500 * 600
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert len(rows(zipped.text)) == 500
    assert "Accept-Encoding" in zipped.headers["Vary"]


async def test_errors_in_a_configuration():
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
    """Projects, labels, clouds and jobs may have any name."""
    evil = "<script>alert(1)</script>"
    cloud = quiet("a")
    cloud.projects[0].training.create_job(
        8, created=cloud.clock.now() - 9e5
    ).name = f"{evil}\"'"

    def renamed(configured):
        (project,) = configured.projects
        project = replace(project, name=f'{evil}&"', labels=(("team", evil),))
        return replace(configured, projects=(project,))

    async with scraped(cloud, renamed) as exporter:
        closed = await exporter.client.get(exporter.url)
        address = re.search(r'href="(\?project=[^"#]+)#', closed.text)[1]
        opened = await exporter.client.get(f"{exporter.url}/{address}")

    for page in (closed, opened):
        assert "<script" not in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert 'class="details"' in opened.text
    assert "probe?project=%3Cscript%3E" in opened.text
    policy = opened.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (90_061, "1 d 1 h"), (-5, "0 s")],
)
def test_spans(seconds, expected):
    """A length of time has two units at most."""
    assert span(seconds) == expected
