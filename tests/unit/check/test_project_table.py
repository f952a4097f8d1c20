"""The projects that credentials can read, as a table and as a configuration."""

import time

from dataclasses import replace

import pytest
import yaml

from discovering import account
from harness import configuration, key_auth

from exporter.check import find_projects, list_projects
from exporter.config import (
    Cloud,
    Discovery,
    NamedProject,
    ProjectSettings,
    TrainingApi,
)
from exporter.simulator import Workspace, serve


async def report(cloud, change=lambda configured: configured):
    """Return the report on a configuration without projects."""
    async with serve(cloud) as url:
        configured = replace(configuration(cloud, url, key_auth()), projects=())
        return await list_projects(change(configured), time.time)


def discovering(**discovery):
    """Return a change of a configuration: its cloud discovers projects."""

    def change(configured):
        (only,) = configured.clouds
        return replace(
            configured, clouds=(replace(only, discovery=Discovery(**discovery)),)
        )

    return change


async def test_the_table_shows_the_fate_of_each_project():
    """Projects of other regions, and those without a name, are shown, too."""
    found = await report(account(), discovering(exclude=("*_sandbox", "*_nothing")))
    lines = [line.split() for line in found.table().splitlines()]

    assert lines[0] == ["cloud", "project", "project", "ID", "state"]
    assert ["otc", "eu-de_vision", f"{2:032x}", "collected"] in lines
    assert ["otc", "eu-de_sandbox", f"{4:032x}", "excluded"] in lines
    assert ["otc", "MOS", f"{103:032x}", "other", "region"] in lines
    assert ["otc", "-", f"{104:032x}", "nameless"] in lines
    assert (
        "otc: 3 collected, 1 excluded, 6 other region, 1 disabled, 1 nameless "
        "(auth_projects)" in found.table()
    )
    assert "the pattern *_nothing matches no project of this region" in found.table()
    assert "*_sandbox matches" not in found.table()


async def test_a_cloud_without_discovery_is_shown_as_if_it_had_one():
    """The table shows what discovery would collect."""
    found = await report(account())

    assert "4 collected" in found.table()


@pytest.mark.slow
async def test_the_configuration_can_be_pasted():
    """Projects that are collected but not configured are listed; names stay text."""
    cloud = account()
    cloud.projects[1].iam_name = "1500365963661574434"

    def change(configured):
        changed = discovering(name_prefix="x-")(configured)
        return replace(
            changed,
            clouds=(replace(changed.clouds[0], region="1500365963661574434"),),
        )

    found = yaml.safe_load((await report(cloud, change)).as_configuration())

    assert found["projects"][0] == {
        "name": "x-1500365963661574434",
        "cloud": "otc",
        "project_id": f"{2:032x}",
    }


@pytest.mark.parametrize(
    ("defaults", "expected"),
    [
        (
            ProjectSettings(collectors=("all",), labels=(("team", "1"), ("on", "yes"))),
            {"collectors": "all", "labels": {"team": "1", "on": "yes"}},
        ),
        (
            ProjectSettings(
                collectors=("pools", "notebooks"), training_api=TrainingApi.V2
            ),
            {"collectors": ["pools", "notebooks"], "training_api": "v2"},
        ),
        (ProjectSettings(workspace_id="7"), {"workspace_id": "7"}),
        (ProjectSettings(), {}),
    ],
)
async def test_the_configuration_has_the_defaults_of_discovery(defaults, expected):
    """Pasted projects are then collected in the same way as discovered ones."""
    found = await report(account(), discovering(defaults=defaults))
    pasted = yaml.safe_load(found.as_configuration())["projects"]

    for project in pasted:
        assert {"name", "cloud", "project_id"} <= project.keys()
        assert expected.items() <= project.items()
        assert len(project) == 3 + len(expected)


async def test_a_cloud_that_lists_nothing():
    """The others are shown; the failure has its advice and its request."""
    cloud = account()
    cloud.identity.keys[0].access.lists_account = False

    def change(configured):
        (only,) = configured.clouds
        named = NamedProject(
            project_name="eu-de_visions",
            name="visions",
            cloud=only,
            settings=ProjectSettings(),
        )
        wrong = Cloud(
            name="wrong",
            region="eu-de",
            iam_url=f"{only.iam_url}/wrong",
            modelarts_url=only.modelarts_url,
            auth=key_auth(),
        )
        return replace(configured, clouds=(only, wrong), named_projects=(named,))

    found = await report(cloud, change)
    table = found.table()

    assert set(found.lists) == {"otc"}
    assert set(found.failures) == {"wrong"}
    assert "wrong: HTTP 404" in table
    assert "GET /wrong/v3/projects" in table
    assert "visions: no such project in this account and region" in table
    assert "near: eu-de_vision" in table
    assert "# wrong: HTTP 404" in found.as_configuration()
    assert yaml.safe_load(found.as_configuration())["projects"]


async def check_output(cloud, change=lambda configured: configured):
    """Return the output of the command `check`."""
    async with serve(cloud) as url:
        configured = replace(configuration(cloud, url, key_auth()), projects=())
        return await find_projects(change(configured), time.time)


async def test_check_finds_what_the_exporter_collects():
    """`check` reports what is wrong, and suggests names that were probably meant."""

    def change(configured):
        changed = discovering(exclude=("eu-de_sandbx", "*_nothing"))(configured)
        (only,) = changed.clouds
        named = NamedProject(
            project_name="eu-de_visions",
            name="visions",
            cloud=only,
            settings=ProjectSettings(),
        )
        return replace(changed, named_projects=(named,))

    report = await check_output(account(), change)
    table = report.table()

    assert [project.name for project in report.collected().projects] == [
        "eu-de",
        "eu-de_sandbox",
        "eu-de_speech",
        "eu-de_vision",
    ]
    assert not report.is_complete
    assert (
        "the pattern eu-de_sandbx matches no project of this region\n"
        "     near: eu-de_sandbox" in table
    )
    assert "*_nothing matches no project of this region\n\n" in table
    assert "visions: no such project" in table


async def test_check_lists_no_project_that_is_configured_by_its_id():
    """Without discovery, nothing is requested and nothing printed."""
    cloud = account()
    async with serve(cloud) as url:
        configured = configuration(cloud, url, key_auth())
        report = await find_projects(configured, time.time)

    assert report.is_empty
    assert report.is_complete
    assert report.collected() == configured
    assert cloud.asked() == []


async def test_check_finds_workspaces():
    """Each workspace is a project of its own."""
    cloud = account()
    cloud.projects[1].workspaces.workspaces.append(Workspace("w1", "night"))
    defaults = ProjectSettings(workspace_id="all")
    report = await check_output(
        cloud, discovering(include=("*_vision",), defaults=defaults)
    )

    assert [
        (project.name, project.workspace_id) for project in report.collected().projects
    ] == [("eu-de_vision", "0"), ("eu-de_vision/night", "w1")]


async def test_check_finds_a_named_project_without_permission_to_list():
    """The project is looked up by its name, as the exporter does."""
    cloud = account()
    cloud.not_offered = {"auth_projects", "user_projects"}

    def change(configured):
        named = NamedProject(
            project_name="eu-de_vision",
            name="vision",
            cloud=configured.clouds[0],
            settings=ProjectSettings(),
        )
        return replace(configured, named_projects=(named,))

    report = await check_output(cloud, change)

    assert report.is_complete
    assert [project.project_id for project in report.collected().projects] == [
        f"{2:032x}"
    ]
