"""A cause that many projects share is one message, in the log and on the page."""

import re

import pytest

from harness import (
    Scrape,
    exporting_from,
    key_auth,
    password_auth,
    simulated,
    with_cloud,
)

from exporter.collection import grouped_log
from exporter.simulator import Effect, Fault


NAMES = [f"p{number:02}" for number in range(30)]
UNREACHABLE = "http://127.0.0.1:9"


def failures(lines):
    """Return the fields of the lines about failures."""
    return [
        {
            name: quoted or word
            for name, quoted, word in re.findall(r'(\w+)=(?:"([^"]*)"|(\S*))', line)
        }
        for line in lines
        if "collection failed" in line
    ]


@pytest.mark.parametrize("auth", [password_auth("wrong"), key_auth("wrong")])
@pytest.mark.slow
async def test_a_rejected_credential_is_one_line(logged, auth):
    """The line has the number of projects, the first names, and the consequences."""
    async with exporting_from(simulated(*NAMES), auth) as exporter:
        scrape = await exporter.scrape()
        (line,) = failures(logged())
        await exporter.scrape()
        again = failures(logged())

    assert set(scrape.up().values()) == {0}
    assert (line["projects"], line["cloud"]) == ("30", "otc")
    assert line["first_projects"] == "p00, p01, p02 and 27 more"
    assert line["kind"] == "training, visualization"
    assert "project" not in line
    assert (line["reason"], line["status"]) == ("authentication", "401")
    assert "not sent again" not in line["problem"]
    assert "not sent again for" in line["consequence"]
    # It lasts, and is not logged again.
    assert again == []


@pytest.mark.slow
async def test_an_unreachable_cloud_is_one_line(logged):
    """All projects of an unreachable cloud fail in one line."""
    change = with_cloud(iam_url=UNREACHABLE, modelarts_url=UNREACHABLE)
    async with exporting_from(simulated(*NAMES), change=change) as exporter:
        await exporter.scrape()
    (line,) = failures(logged())

    assert (line["projects"], line["reason"]) == ("30", "network")


@pytest.mark.slow
async def test_recoveries_are_one_line(logged):
    """Recoveries from one cause are one line."""
    cloud = simulated(*NAMES)
    async with exporting_from(cloud) as exporter:
        with cloud.faults.on(Fault(effect=Effect.STATUS, status=403)):
            await exporter.scrape()
        logged()
        await exporter.scrape()
        (line,) = [line for line in logged() if "collection recovered" in line]

    assert "projects=30" in line
    assert 'first_projects="p00, p01, p02 and 27 more"' in line


async def test_different_failures_are_separate_lines(logged):
    """Different remedies or answers are different lines."""
    cloud = simulated("a", "b", "c")
    ids = [project.project_id for project in cloud.projects]
    for project_id, status in zip(ids, (403, 404, 403), strict=True):
        cloud.faults.add(
            Fault(
                effect=Effect.STATUS,
                status=status,
                project_id=project_id,
                api="training_jobs",
            )
        )
    async with exporting_from(cloud) as exporter:
        await exporter.scrape()
    lines = failures(logged())

    assert {(line["status"], line.get("first_projects")) for line in lines} == {
        ("403", "a, c"),
        ("404", None),
    }
    assert [line["project"] for line in lines if "project" in line] == ["b"]


@pytest.mark.slow
async def test_probes_of_single_projects(logged, monkeypatch):
    """The first is logged at once, those of the same minute together after it."""
    cloud = simulated(*NAMES)
    async with exporting_from(cloud, password_auth("wrong")) as exporter:

        async def probe(name):
            response = await exporter.client.get(f"{exporter.url}/probe?project={name}")
            assert set(Scrape(response).up().values()) == {0}

        for name in NAMES[:-1]:
            await probe(name)
        (first,) = failures(logged())
        monkeypatch.setattr(grouped_log, "_HOLD_SECONDS", 0.0)
        await probe(NAMES[-1])
        (others,) = failures(logged())

    assert (first["project"], first["failures"]) == ("p00", "1")
    assert (others["projects"], others["first_projects"]) == (
        "29",
        "p01, p02, p03 and 26 more",
    )


async def test_held_failures_are_logged_at_the_end(logged):
    """Failures that are held back are logged when the exporter stops."""
    cloud = simulated("a", "b")
    async with exporting_from(cloud, password_auth("wrong")) as exporter:
        for name in ("a", "b"):
            await exporter.client.get(f"{exporter.url}/probe?project={name}")
        assert [line["project"] for line in failures(logged())] == ["a"]

    assert [line["project"] for line in failures(logged())] == ["b"]


@pytest.mark.slow
async def test_a_failure_that_ends_before_it_is_written(logged):
    """A failure that ends before it is logged is only counted in the metrics."""
    cloud = simulated("a", "b")
    hangs = Fault(effect=Effect.RESET, api="training_jobs")
    async with exporting_from(cloud) as exporter:

        async def probe(name):
            response = await exporter.client.get(
                f"{exporter.url}/probe?project={name}&kind=training"
            )
            return Scrape(response)

        with cloud.faults.on(hangs):
            await probe("a")
            await probe("b")
        assert [line["project"] for line in failures(logged())] == ["a"]
        scrape = await probe("b")
    lines = logged()

    assert scrape.errors("b", "training") == {"network": 1}
    assert failures(lines) == []
    assert not [line for line in lines if "collection recovered" in line]


@pytest.mark.slow
async def test_the_page_says_it_once():
    """The cause is at the top; each of the projects refers to it."""
    async with exporting_from(simulated(*NAMES), password_auth("wrong")) as exporter:
        await exporter.scrape()
        page = (await exporter.client.get(exporter.url)).text

    assert page.count("the API rejects the credential") == 1
    assert "Training jobs (v1), Visualization jobs not collected in 30 projects" in page
    assert "p00, p01, p02 and 27 more" in page
    assert page.count('see <a href="#c1">above</a>') == 30


async def test_the_page_says_what_concerns_one_project_there():
    """A cause of a single project is not at the top."""
    cloud = simulated("a", "b")
    cloud.faults.add(
        Fault(effect=Effect.STATUS, status=403, project_id=cloud.projects[0].project_id)
    )
    async with exporting_from(cloud) as exporter:
        await exporter.scrape()
        page = (await exporter.client.get(exporter.url)).text

    assert "not collected in" not in page
    assert page.count("What to do: grant") == 2
