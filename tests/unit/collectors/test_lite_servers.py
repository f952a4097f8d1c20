"""Lite Servers: their numbers, and what is wrong with them."""

import asyncio

import pytest

from harness import configuration as configured_for
from harness import exporting, exporting_from, simulated, with_projects
from huaweicloudsdkmodelarts.v1 import ListAllDevServersRequest
from simulator_client import modelarts_sdk

from exporter.check import Step, check_all
from exporter.simulator import Effect, Fault, LiteServer, serve


LITE_SERVERS = with_projects(collectors=("lite_servers",))
FLAVOR = "physical.kat2e.48xlarge.8"


def with_servers(*servers):
    """Return a cloud with a project that has these servers."""
    cloud = simulated("a")
    cloud.projects[0].lite_servers.servers += servers
    return cloud


def count(scrape, status, phase, charging="post_paid"):
    """Return the number of servers of a status."""
    labels = {"flavor": FLAVOR, "charging": charging, "status": status, "phase": phase}
    return scrape.value("lite_servers", project="a", **labels)


@pytest.mark.slow
async def test_servers_are_counted():
    """Counts are by flavor, charging, status and phase; old statuses stay at 0."""
    cloud = with_servers(
        LiteServer(),
        LiteServer(supernode="hps-1"),
        LiteServer(charging_mode="PRE_PAID"),
        LiteServer(status="REINSTALLINGOS_FAILED"),
        LiteServer(status="CHANGINGOS"),
        LiteServer(status="DELETED"),
        LiteServer(status="MELTING"),
    )
    async with exporting_from(cloud, change=LITE_SERVERS) as exporter:
        scrape = await exporter.scrape()
        page = (await exporter.client.get(f"{exporter.url}/?project=a")).text
        del cloud.projects[0].lite_servers.servers[:]
        after = await exporter.scrape()

    assert scrape.up() == {("a", "lite_server"): 1}
    assert count(scrape, "running", "running") == 2
    assert count(scrape, "running", "running", "pre_paid") == 1
    assert count(scrape, "reinstallingos_failed", "failed") == 1
    assert count(scrape, "changingos", "pending") == 1
    assert count(scrape, "unrecognized", "unknown") == 1
    assert sum(scrape.series("lite_servers").values()) == 6
    assert "Lite Servers" in page
    assert count(after, "running", "running") == 0


async def test_an_incomplete_list():
    """The list has no pages: if its total is larger, the collection fails."""
    cloud = with_servers(LiteServer())
    cloud.faults.add(
        Fault(effect=Effect.FIELDS, api="lite_servers", fields={"total": "2"})
    )
    async with exporting_from(cloud, change=LITE_SERVERS) as exporter:
        scrape = await exporter.scrape()

    assert scrape.up() == {("a", "lite_server"): 0}
    assert scrape.errors("a", "lite_server") == {"response": 1}
    assert not scrape.series("lite_servers")


async def test_a_check():
    """`check` reports their number, or the missing permission."""
    cloud = with_servers(LiteServer(), LiteServer())
    async with serve(cloud) as url:
        configured = LITE_SERVERS(configured_for(cloud, url))
        (good,) = await check_all(configured, lambda _: None)
        denied = Fault(effect=Effect.STATUS, api="lite_servers", status=403)
        cloud.faults.add(denied)
        (bad,) = await check_all(configured, lambda _: None)

    assert good.steps[Step.JOBS].words == "2"
    assert not bad.ok
    assert "modelarts:devserver:list" in bad.problems[0].advice


async def test_the_official_sdk_sees_the_same():
    """The official SDK finds as many of each status as the exporter."""
    cloud = with_servers(
        LiteServer(),
        LiteServer(),
        LiteServer(status="STOPPED"),
        LiteServer("e", "ERROR"),
    )
    async with serve(cloud) as url:
        sdk = modelarts_sdk(url, cloud.projects[0].project_id)
        request = ListAllDevServersRequest()
        answer = await asyncio.to_thread(sdk.list_all_dev_servers, request)
        async with exporting(LITE_SERVERS(configured_for(cloud, url))) as exporter:
            scrape = await exporter.scrape()

    seen = [row.status.lower() for row in answer.data]
    counted = {
        dict(labels)["status"]: value
        for labels, value in scrape.series("lite_servers").items()
    }
    assert counted == {status: seen.count(status) for status in set(seen)}
