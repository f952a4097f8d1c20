"""Several processes with one configuration: each project is in exactly one of them."""

import contextlib

from dataclasses import replace

import pytest

from harness import configuration, exporting, key_auth, simulated

from exporter.app import open_exporter
from exporter.config import (
    Discovery,
    NamedProject,
    ProjectSettings,
    RateLimit,
    Shard,
    for_shard,
)
from exporter.simulator import serve


NUMBER = 3
DISCOVERED = [f"eu-de_d{number}" for number in range(6)]
CONFIGURED = [f"eu-de_c{number}" for number in range(6)]
NAMED = [f"eu-de_n{number}" for number in range(6)]
MISSING = [f"eu-de_m{number}" for number in range(6)]
EVERYTHING = sorted(DISCOVERED + CONFIGURED + NAMED)


def configured(cloud, url):
    """Return a configuration with projects of each kind, some of which do not exist."""
    whole = configuration(cloud, url, key_auth())
    (only,) = whole.clouds
    only = replace(only, discovery=Discovery())
    return replace(
        whole,
        clouds=(only,),
        projects=tuple(
            replace(each, cloud=only)
            for each in whole.projects
            if each.name in CONFIGURED
        ),
        named_projects=tuple(
            NamedProject(
                project_name=name, name=name, cloud=only, settings=ProjectSettings()
            )
            for name in NAMED + MISSING
        ),
    )


@contextlib.asynccontextmanager
async def shards():
    """Run an exporter for each shard, and yield them."""
    cloud = simulated(*DISCOVERED, *CONFIGURED, *NAMED)
    async with serve(cloud) as url, contextlib.AsyncExitStack() as running:
        configurations = [
            for_shard(configured(cloud, url), Shard(index, NUMBER))
            for index in range(NUMBER)
        ]
        yield [
            await running.enter_async_context(exporting(each))
            for each in configurations
        ]


async def get(exporter, path):
    """Return the answer to a request."""
    return await exporter.client.get(f"{exporter.url}{path}")


@pytest.mark.slow
async def test_each_project_is_collected_once():
    """A project that cannot be found is reported by exactly one shard, too."""
    async with shards() as exporters:
        scrapes = [await exporter.scrape() for exporter in exporters]
        infos = [scrape.series("project_info") for scrape in scrapes]

    up = [scrape.up() for scrape in scrapes]
    names = [{project for project, _ in each} for each in up]
    assert sorted(name for each in names for name in each) == sorted(
        EVERYTHING + MISSING
    )
    assert all(len(each) >= 4 for each in names)
    assert {
        project for each in up for (project, _), value in each.items() if not value
    } == set(MISSING)
    shown = [dict(labels)["project"] for each in infos for labels in each]
    assert len(shown) == len(set(shown)) == len(EVERYTHING + MISSING)


@pytest.mark.slow
async def test_every_path_has_the_shards_own_projects():
    """Service discovery, probes and the page; other probes name the right shard."""
    async with shards() as exporters:
        for index, exporter in enumerate(exporters):
            own = {project for project, _ in (await exporter.scrape()).up()}
            listed = await get(exporter, "/sd")
            page = (await get(exporter, "/")).text

            assert {one["labels"]["__param_project"] for one in listed.json()} == own
            for name in EVERYTHING:
                probe = await get(exporter, f"/probe?project={name}")
                assert (name in page) is (name in own)
                assert probe.status_code == (200 if name in own else 404)
                if name not in own:
                    owner = Shard(index, NUMBER).owner(key_of(name))
                    assert probe.text == (
                        f"This project belongs to shard {owner} of 3, and this process "
                        f"is shard {index}.\n"
                    )
            unknown = await get(exporter, "/probe?project=nobody")
            assert unknown.text == "No project of that name is configured.\n"
            assert "6 collected (" in page


def key_of(name):
    """Return what decides about a project's shard: its ID, or its configured name."""
    order = [*DISCOVERED, *CONFIGURED, *NAMED]
    return name if name in NAMED else f"{order.index(name) + 1:032x}/0"


@pytest.mark.slow
async def test_a_reload_keeps_the_shard():
    """Each reload reads the whole configuration, and keeps the shard's projects."""
    async with shards() as exporters:
        for exporter in exporters:
            before = {project for project, _ in (await exporter.scrape()).up()}
            reloaded = await exporter.client.post(f"{exporter.url}/-/reload")
            after = {project for project, _ in (await exporter.scrape()).up()}

            assert reloaded.status_code == 200
            assert after == before


@pytest.mark.slow
async def test_shards_split_further_by_service_discovery():
    """`/sd?shard=` of a shard divides the shard's own projects."""
    async with shards() as exporters:
        parts = [
            {one["labels"]["__param_project"] for one in answer.json()}
            for exporter in exporters
            for answer in [
                await get(exporter, f"/sd?shard={part}&shards=2") for part in range(2)
            ]
        ]

    assert sorted(name for part in parts for name in part) == sorted(
        EVERYTHING + MISSING
    )


@pytest.mark.slow
async def test_once_collects_the_shards_own_projects():
    """`once` succeeds if the shard's own projects are collected."""
    cloud = simulated(*CONFIGURED)
    printed = []
    async with serve(cloud) as url:
        whole = configuration(cloud, url, key_auth())
        for index in range(2):
            part = for_shard(whole, Shard(index, 2))
            async with open_exporter(lambda part=part: part) as exporter:
                body, is_complete = await exporter.once(5)
            assert is_complete
            printed.append({name for name in CONFIGURED if f'"{name}"' in str(body)})

    assert printed[0] | printed[1] == set(CONFIGURED)
    assert not printed[0] & printed[1]


@pytest.mark.parametrize(
    ("limit", "share"),
    [
        (
            RateLimit(requests_per_second=30, burst=9),
            RateLimit(requests_per_second=10, burst=3),
        ),
        (
            RateLimit(requests_per_second=0.75, burst=2),
            RateLimit(requests_per_second=0.25, burst=1),
        ),
        (None, None),
    ],
)
def test_a_shard_has_its_share_of_the_rate_limit(limit, share):
    """All shards together send no more than one process; each needs a burst of one."""
    whole = configured(simulated(*CONFIGURED), "http://cloud")
    (only,) = whole.clouds
    part = for_shard(
        replace(whole, clouds=(replace(only, rate_limit=limit),)), Shard(1, 3)
    )
    clouds = {each.cloud for each in (*part.projects, *part.named_projects)}

    assert part.clouds[0].rate_limit == share
    assert clouds == set(part.clouds)
    assert part.clouds[0].discovery == only.discovery
