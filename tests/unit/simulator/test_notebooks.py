"""Simulated notebooks are listed as the reference says, and as clouds differ from it."""

import asyncio

import pytest

from harness import simulated
from huaweicloudsdkmodelarts.v1 import ListAllNotebooksRequest, ListNotebooksRequest
from simulator_client import connected, modelarts_sdk

from exporter.simulator import (
    NOTEBOOK_TOKEN,
    Lease,
    ManualClock,
    Notebook,
    demo_cloud,
)


PROJECT = f"{1:032x}"
SCOPE = {"project": {"id": PROJECT}}
ALL = f"/v1/{PROJECT}/notebooks/all"


def with_notebooks(number=0, **fields):
    """Return a cloud, and its notebooks."""
    cloud = simulated("a")
    notebooks = cloud.projects[0].notebooks
    for count in range(number):
        notebooks.notebooks.append(Notebook(f"n{count}", **fields))
    return cloud, notebooks


async def got(client, path=ALL, **query):
    """Return the answer to a path."""
    answer = await client.get(path, params=query)
    assert answer.status_code == 200
    return answer.json()


async def test_pages_count_items():
    """The newest come first, ten a page by default; sizes are 10, 20 or 50."""
    cloud, notebooks = with_notebooks(63)
    async with connected(cloud, SCOPE) as client:
        first = await got(client)
        last = await got(client, limit=50, offset=50)
        rejected = await client.get(ALL, params={"limit": 1000})
        notebooks.clamps_pages, notebooks.first_page_number = True, 1
        clamped = await got(client, limit=1000)

    assert [row["name"] for row in first["data"][:2]] == ["n62", "n61"]
    assert (first["total"], first["pages"], first["size"]) == (63, 7, 10)
    assert (len(last["data"]), last["current"]) == (13, 1)
    assert rejected.status_code == 400
    assert (len(clamped["data"]), clamped["current"]) == (50, 1)


async def test_filters():
    """Filters are by workspace in one or both spellings, by status and by category."""
    cloud, notebooks = with_notebooks(1)
    notebooks.notebooks += [
        Notebook(workspace_id="team"),
        Notebook(status="STOPPED"),
        Notebook(feature="DEFAULT"),
    ]

    async with connected(cloud, SCOPE) as client:

        async def total(**query):
            return (await got(client, **query))["total"]

        assert await total() == 2
        assert await total(workspaceId="team") == 1
        assert await total(workspace_id="team") == 1
        assert await total(status="STOPPED") == 1
        assert await total(feature="DEFAULT") == 1
        notebooks.workspace_parameters = ("workspaceId",)
        assert await total(workspace_id="team") == 2


async def test_own_notebooks():
    """Without the permission to list all, the user's own list is empty, not denied."""
    cloud, notebooks = with_notebooks(3)
    notebooks.denies_all = True
    async with connected(cloud, SCOPE) as client:
        denied = await client.get(ALL)
        own = await got(client, f"/v1/{PROJECT}/notebooks")
        notebooks.notebooks[0].user_id = cloud.identity.users[0].access.user_id
        mine = await got(client, f"/v1/{PROJECT}/notebooks")

    assert denied.status_code == 403
    assert (own["total"], mine["total"]) == (0, 1)


@pytest.mark.parametrize(
    ("lease", "auto_stop"),
    [
        (None, "off"),
        (Lease(1.7e9, enabled=False), "off"),
        (Lease(1.7e9), "timing"),
        (Lease(1.7e9, type=None), "timing"),
        (Lease(1.7e9, type="IDLE"), "idle"),
    ],
    ids=str,
)
async def test_leases(lease, auto_stop):
    """A lease is in milliseconds, with or without its type."""
    cloud, _ = with_notebooks(1, lease=lease)
    async with connected(cloud, SCOPE) as client:
        row = (await got(client))["data"][0]
        truth = (await got(client, "/simulator/notebooks"))["a"]

    assert truth["running"][0]["auto_stop"] == auto_stop
    if lease is None:
        assert "lease" not in row
    else:
        assert row["lease"]["create_at"] == 1_700_000_000_000
        assert row["lease"].get("type") == lease.type


async def test_rows_have_credentials():
    """A notebook's row has its token and address, as the real API's has."""
    cloud, _ = with_notebooks(1, pool=("pool-a", "shared"), capacity=None)
    async with connected(cloud, SCOPE) as client:
        row = (await got(client))["data"][0]

    assert row["token"] == NOTEBOOK_TOKEN
    assert NOTEBOOK_TOKEN in row["url"]
    assert row["pool"] == {"id": "pool-a", "name": "shared"}
    assert "volume" not in row


@pytest.mark.slow
async def test_the_official_sdk_lists_the_same_notebooks():
    """The official SDK reads both lists."""
    cloud, _ = with_notebooks(12, lease=Lease(1.7e9))
    async with connected(cloud) as client:
        sdk = modelarts_sdk(client.base_url, PROJECT)
        request = ListAllNotebooksRequest(limit=10, offset=10, sort_dir="ASC")
        answer = await asyncio.to_thread(sdk.list_all_notebooks, request)
        own = await asyncio.to_thread(sdk.list_notebooks, ListNotebooksRequest())

    assert [row.name for row in answer.data] == ["n10", "n11"]
    assert answer.data[0].lease.duration == 3_600_000
    assert answer.data[0].volume.capacity == 50
    assert own.total == 0


def test_the_demos_notebooks_change():
    """Some stop by themselves, others keep running; time alone decides."""
    clock = ManualClock(1_700_000_000.0)
    notebooks = demo_cloud(clock).projects[0].notebooks
    seen = []
    for hour in range(4):
        notebooks.advance(clock.now() + hour * 3600)
        seen.append([(found.name, found.status) for found in notebooks.notebooks])
    notebooks.advance(clock.now())

    assert len({tuple(found) for found in seen}) > 1
    assert [(found.name, found.status) for found in notebooks.notebooks] == seen[0]
    assert {found.auto_stop for found in notebooks.notebooks} == {
        "off",
        "timing",
        "idle",
    }
