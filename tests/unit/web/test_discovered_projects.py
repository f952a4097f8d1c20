"""Discovered projects are scraped, probed and offered like configured ones."""

import asyncio
import re

from dataclasses import replace

import pytest

from discovering import REGION, account
from harness import Scrape, configuration, exporting, key_auth

from exporter.app import open_exporter
from exporter.config import Discovery, NamedProject, ProjectSettings
from exporter.simulator import Effect, Fault, SimulatedProject, Workspace, serve


@pytest.fixture
def cloud():
    """Return an account whose projects are not configured."""
    return account()


def discovering(cloud, url, **discovery):
    """Return a configuration that discovers the projects of `cloud`."""
    configured = configuration(cloud, url)
    (only,) = configured.clouds
    return replace(
        configured,
        clouds=(replace(only, discovery=Discovery(**discovery)),),
        projects=(),
    )


async def targets(exporter):
    """Return the projects that service discovery offers."""
    response = await exporter.client.get(f"{exporter.url}/sd")
    assert response.status_code == 200
    return [group["labels"]["__param_project"] for group in response.json()]


@pytest.mark.slow
async def test_the_first_scrape_has_the_discovered_projects(cloud):
    """The start waits for the list; each project is up."""
    async with serve(cloud) as url, exporting(discovering(cloud, url)) as exporter:
        scrape = await exporter.scrape()
        probe = await exporter.client.get(f"{exporter.url}/probe?project=eu-de_vision")

        assert {project for project, _ in scrape.up()} == set(REGION)
        assert set(scrape.up().values()) == {1.0}
        assert sorted(await targets(exporter)) == sorted(REGION)
        assert probe.status_code == 200


async def test_before_the_first_list_there_are_no_targets(cloud):
    """/sd fails, so that Prometheus keeps its targets. A reload lists at once."""
    cloud.not_offered = {"auth_projects", "projects", "user_projects"}
    async with serve(cloud) as url, exporting(discovering(cloud, url)) as exporter:
        scrape = await exporter.scrape()
        response = await exporter.client.get(f"{exporter.url}/sd")
        assert scrape.up() == {}
        assert response.status_code == 503
        assert "listed" in response.text

        cloud.not_offered = set()
        await exporter.client.post(f"{exporter.url}/-/reload")
        async with asyncio.timeout(10):
            while response.status_code == 503:
                response = await exporter.client.get(f"{exporter.url}/sd")
        assert sorted(await targets(exporter)) == sorted(REGION)


@pytest.mark.slow
async def test_once_is_not_complete_without_the_list_of_projects(cloud):
    """Without the list, no project is collected, and `once` fails."""
    cloud.not_offered = {"auth_projects", "projects", "user_projects"}
    async with serve(cloud) as url:
        configured = discovering(cloud, url)
        async with open_exporter(lambda: configured) as exporter:
            assert (await exporter.once(5))[1] is False
        cloud.not_offered = set()
        async with open_exporter(lambda: configured) as exporter:
            assert (await exporter.once(5))[1] is True


@pytest.mark.slow
async def test_once_is_not_complete_without_a_project_that_is_named(cloud):
    """The cloud does not list the project, so it is not collected."""
    async with serve(cloud) as url:
        configured = discovering(cloud, url)
        named = NamedProject(
            project_name="eu-de_visions",
            name="visions",
            cloud=configured.clouds[0],
            settings=ProjectSettings(),
        )
        configured = replace(configured, named_projects=(named,))
        async with open_exporter(lambda: configured) as exporter:
            body, is_complete = await exporter.once(5)

    assert b"eu-de_vision" in body
    assert not is_complete


@pytest.mark.slow
async def test_metrics_of_discovery(cloud):
    """Each listed project is counted once, by its fate."""
    async with (
        serve(cloud) as url,
        exporting(discovering(cloud, url, exclude=("*_sandbox",))) as exporter,
    ):
        scrape = await exporter.scrape()
        own = await exporter.client.get(f"{exporter.url}/exporter-metrics")
        cloud.not_offered = {"auth_projects", "projects", "user_projects"}
        await exporter.client.post(f"{exporter.url}/-/reload")
        async with asyncio.timeout(10):
            while (later := await exporter.scrape()).value("discovery_up", cloud="otc"):
                pass

    counts = {
        dict(labels)["state"]: value
        for labels, value in scrape.series("discovery_projects", cloud="otc").items()
    }
    assert counts == {
        "collected": 3,
        "configured": 0,
        "excluded": 1,
        "other_region": 6,
        "disabled": 1,
        "nameless": 1,
        "over_limit": 0,
        "conflict": 0,
    }
    assert scrape.value("discovery_up", cloud="otc") == 1
    succeeded_at = scrape.value("discovery_last_success_timestamp_seconds", cloud="otc")
    assert succeeded_at
    assert 'modelarts_discovery_up{cloud="otc"} 1' in own.text
    assert later.value("discovery_up", cloud="otc") == 0
    assert succeeded_at == later.value(
        "discovery_last_success_timestamp_seconds", cloud="otc"
    )
    assert later.series("discovery_projects") == scrape.series("discovery_projects")


@pytest.mark.slow
async def test_a_reload_keeps_what_is_known(cloud):
    """New patterns apply at once, and projects that stay do not log in again."""
    async with serve(cloud) as url:
        configured = discovering(cloud, url)
        loaded = [configured]
        async with exporting(configured, lambda: loaded[-1]) as exporter:
            await exporter.scrape()
            logins = cloud.identity.logins
            loaded.append(discovering(cloud, url, include=("*_vision", "*_speech")))
            await exporter.client.post(f"{exporter.url}/-/reload")
            scrape = await exporter.scrape()

            assert {name for name, _ in scrape.up()} == {"eu-de_vision", "eu-de_speech"}
            assert cloud.identity.logins == logins


@pytest.mark.slow
async def test_a_new_project_is_collected_and_a_running_scrape_is_not_disturbed(cloud):
    """A running scrape ends with the projects that it began with."""
    async with serve(cloud) as url, exporting(discovering(cloud, url)) as exporter:
        await exporter.scrape()
        cloud.latency = 0.2
        running = asyncio.create_task(exporter.scrape())
        cloud.projects.append(SimulatedProject("eu-de_new", f"{9:032x}"))
        await exporter.client.post(f"{exporter.url}/-/reload")
        before = await running
        async with asyncio.timeout(10):
            while "eu-de_new" not in await targets(exporter):
                pass
        after = await exporter.scrape()

    assert {name for name, _ in before.up()} == set(REGION)
    assert {name for name, _ in after.up()} == {*REGION, "eu-de_new"}
    assert set(after.up().values()) == {1.0}


def with_named(configured, *project_names):
    """Return the configuration with projects given by their names in the cloud."""
    return replace(
        configured,
        named_projects=tuple(
            NamedProject(
                project_name=name,
                name=name.removeprefix("eu-de_"),
                cloud=configured.clouds[0],
                settings=ProjectSettings(labels=(("team", "x"),)),
            )
            for name in project_names
        ),
    )


@pytest.mark.slow
async def test_which_projects_are_discovered(cloud):
    """`project_info` shows whether a project was discovered."""
    async with serve(cloud) as url:
        configured = with_named(discovering(cloud, url), "eu-de_vision")
        async with exporting(configured) as exporter:
            scrape = await exporter.scrape()

    assert {
        dict(labels)["project"]: dict(labels)["discovered"]
        for labels in scrape.series("project_info")
    } == {
        "vision": "false",
        "eu-de": "true",
        "eu-de_speech": "true",
        "eu-de_sandbox": "true",
    }


@pytest.mark.slow
async def test_a_named_project_that_does_not_exist_is_down(cloud):
    """The project is down on every path, without a request; the page says why."""
    async with serve(cloud) as url:
        loaded = [with_named(discovering(cloud, url), "eu-de_vision", "eu-de_new")]
        async with exporting(loaded[0], lambda: loaded[-1]) as exporter:
            await exporter.scrape()
            scrape = await exporter.scrape()
            probe = await exporter.client.get(f"{exporter.url}/probe?project=new")
            page = await exporter.client.get(exporter.url)
            names = await targets(exporter)
            cloud.projects.append(SimulatedProject("eu-de_new", f"{9:032x}"))
            await exporter.client.post(f"{exporter.url}/-/reload")
            async with asyncio.timeout(10):
                while not (later := await exporter.scrape()).up()["new", "training"]:
                    pass

    up = scrape.up()
    assert {value for (name, _), value in up.items() if name == "new"} == {0.0}
    assert {value for (name, _), value in up.items() if name != "new"} == {1.0}
    assert scrape.errors("new", "visualization") == {"permission": 2}
    (info,) = scrape.series("project_info", project="new")
    assert dict(info)["label_team"] == "x"
    assert set(Scrape(probe).up().values()) == {0.0}
    assert "new" in names
    assert "no such project in this account and region" in page.text
    assert "check project_name" in page.text
    assert set(later.up().values()) == {1.0}
    (found,) = later.series("project_info", project="new")
    assert dict(found)["project_id"] == f"{9:032x}"


async def test_a_named_project_is_down_until_it_is_found(cloud):
    """Without any list, the reason is not that the project does not exist."""
    cloud.not_offered = {"auth_projects", "projects", "user_projects"}
    async with serve(cloud) as url:
        configured = with_named(configuration(cloud, url), "eu-de_vision")
        configured = replace(configured, projects=())
        async with exporting(configured) as exporter:
            scrape = await exporter.scrape()
            page = await exporter.client.get(exporter.url)

    assert set(scrape.up().values()) == {0.0}
    assert "its project ID is not known yet" in page.text


@pytest.mark.slow
async def test_a_rename_moves_a_project_to_no_other_shard(cloud):
    """The ID decides about the shard, and only the name changes."""

    async def shards(exporter):
        found = {}
        for shard in range(3):
            query = f"shard={shard}&shards=3"
            response = await exporter.client.get(f"{exporter.url}/sd?{query}")
            for group in response.json():
                found[group["labels"]["__param_project"]] = shard
        return found

    async with serve(cloud) as url, exporting(discovering(cloud, url)) as exporter:
        before = await shards(exporter)
        cloud.projects[1].iam_name = "eu-de_seeing"
        await exporter.client.post(f"{exporter.url}/-/reload")
        async with asyncio.timeout(10):
            while "eu-de_seeing" not in await targets(exporter):
                pass
        after = await shards(exporter)

    assert set(before) == set(REGION)
    assert len(set(before.values())) > 1
    assert after.pop("eu-de_seeing") == before.pop("eu-de_vision")
    assert after == before


@pytest.mark.slow
async def test_the_page_shows_discovered_projects(cloud):
    """The page has the numbers by fate, the time of the list, and any failure."""
    async with (
        serve(cloud) as url,
        exporting(discovering(cloud, url, exclude=("*_sandbox",))) as exporter,
    ):
        before = await exporter.client.get(exporter.url)
        cloud.not_offered = {"auth_projects", "projects", "user_projects"}
        await exporter.client.post(f"{exporter.url}/-/reload")
        async with asyncio.timeout(10):
            while (
                "not listed"
                not in (after := await exporter.client.get(exporter.url)).text
            ):
                pass

    found = "3 collected, 1 excluded, 6 other region, 1 disabled, 1 nameless"
    assert re.search(rf"<b>otc</b>: projects listed \d s ago: {found}", before.text)
    assert found in after.text
    assert "HTTP 404" in after.text
    assert "What to do:" in after.text
    assert "GET /v3/" in after.text
    assert "What it had stays." in after.text


async def test_the_page_is_silent_about_clouds_without_a_list(cloud):
    """Clouds whose projects all have IDs need no list."""
    async with serve(cloud) as url, exporting(configuration(cloud, url)) as exporter:
        page = await exporter.client.get(exporter.url)

    assert "projects listed" not in page.text


@pytest.mark.slow
async def test_a_list_that_never_comes_delays_no_scrape(cloud):
    """While a list hangs, the projects of the previous one are collected."""
    hang = Fault(effect=Effect.HANG, api="auth_projects")
    async with serve(cloud) as url, exporting(discovering(cloud, url)) as exporter:
        cloud.faults.add(hang)
        await exporter.client.post(f"{exporter.url}/-/reload")
        async with asyncio.timeout(10):
            while not hang.met:
                await exporter.client.get(f"{exporter.url}/sd")
            scrape = await exporter.scrape()
        assert cloud.asked("auth_projects")[1:] == []
        names = await targets(exporter)

    assert set(scrape.up().values()) == {1.0}
    assert {name for name, _ in scrape.up()} == set(REGION)
    assert set(names) == set(REGION)


@pytest.mark.slow
async def test_two_clouds_of_one_account(cloud):
    """The first one collects the projects; for the other they count as configured."""
    async with serve(cloud) as url:
        configured = discovering(cloud, url)
        (only,) = configured.clouds
        second = replace(only, name="again", auth=key_auth())
        configured = replace(configured, clouds=(only, second))
        async with exporting(configured) as exporter:
            scrape = await exporter.scrape()

    infos = [dict(labels) for labels in scrape.series("project_info")]
    assert sorted(info["project"] for info in infos) == sorted(REGION)
    assert {info["cloud"] for info in infos} == {"otc"}
    assert len(cloud.asked("visualization_jobs")) == len(REGION)
    assert scrape.value("discovery_projects", cloud="otc", state="collected") == 4
    assert scrape.value("discovery_projects", cloud="again", state="configured") == 4
    assert scrape.value("discovery_projects", cloud="again", state="collected") == 0


@pytest.mark.slow
async def test_every_workspace_is_a_project(cloud):
    """Each workspace is collected, probed and offered separately."""
    cloud.projects[1].workspaces.workspaces.append(Workspace("w1", "night shift"))
    defaults = ProjectSettings(workspace_id="all", collectors=("visualization_jobs",))
    async with serve(cloud) as url:
        configured = discovering(cloud, url, include=("*_vision",), defaults=defaults)
        async with exporting(configured) as exporter:
            # The workspaces are listed after the projects.
            async with asyncio.timeout(10):
                while len(names := await targets(exporter)) < 2:
                    pass
            scrape = await exporter.scrape()
            cloud.record.clear()
            probe = await exporter.client.get(
                f"{exporter.url}/probe", params={"project": "eu-de_vision/night shift"}
            )

    assert sorted(names) == ["eu-de_vision", "eu-de_vision/night shift"]
    assert {name for name, _ in scrape.up()} == set(names)
    assert set(scrape.up().values()) == {1.0}
    assert {
        dict(labels)["workspace_id"] for labels in scrape.series("project_info")
    } == {"0", "w1"}
    assert Scrape(probe).up() == {("eu-de_vision/night shift", "visualization"): 1.0}
    assert all("workspace_id=w1" in asked.query for asked in cloud.asked())
