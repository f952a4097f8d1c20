"""Simulated Lite Servers are listed as the reference says."""

import asyncio

from harness import simulated
from huaweicloudsdkmodelarts.v1 import ListAllDevServersRequest, ListDevServersRequest
from simulator_client import connected, modelarts_sdk

from exporter.simulator import LiteServer


PROJECT = f"{1:032x}"


async def test_all_servers_in_one_answer_and_own_ones_in_pages():
    """The official SDK reads both lists."""
    cloud = simulated("a")
    servers = cloud.projects[0].lite_servers.servers
    own = cloud.identity.keys[0].access.user_id
    for number in range(15):
        servers.append(LiteServer(f"s{number}", owner_id=own if number > 2 else "x"))
    servers[0].supernode, servers[0].category = "hps-1", "HPS"
    servers[1].status, servers[1].charging_mode = "STOPPED", "PRE_PAID"
    async with connected(cloud) as client:
        sdk = modelarts_sdk(client.base_url, PROJECT)
        everything = await asyncio.to_thread(
            sdk.list_all_dev_servers, ListAllDevServersRequest()
        )
        request = ListDevServersRequest(limit=10, offset=10)
        mine = await asyncio.to_thread(sdk.list_dev_servers, request)
        truth = (await client.get("/simulator/lite_servers")).json()["a"]["servers"]

    assert [row.name for row in everything.data] == [found.name for found in servers]
    assert everything.total == 15
    assert everything.data[0].server_hps.id == "hps-1"
    assert everything.data[1].charging_mode == "PRE_PAID"
    assert [row.name for row in mine.data] == ["s13", "s14"]
    assert sum(row["count"] for row in truth) == 15


async def test_invalid_pages_and_clouds_without_servers():
    """A page has up to 1024; a cloud without Lite Servers does not have the path."""
    cloud = simulated("a")
    path = f"/v1/{PROJECT}/dev-servers"
    async with connected(cloud, {"project": {"id": PROJECT}}) as client:
        empty = (await client.get(f"{path}/all")).json()
        rejected = await client.get(path, params={"limit": 1025})
        cloud.not_offered = {"lite_servers"}
        missing = await client.get(f"{path}/all")

    assert (empty["data"], empty["total"]) == ([], 0)
    assert rejected.status_code == 400
    assert (missing.status_code, missing.json()["error_code"]) == (404, "APIG.0101")
