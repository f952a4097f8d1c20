"""Every product of the simulated cloud is behind the same gateway."""

import httpx
import pytest

from harness import simulated
from simulator_client import connected

from exporter.simulator import (
    Dialect,
    Notebook,
    Pool,
    ScheduledEvent,
    Service,
    Throttle,
    Workload,
    Workspace,
    demo_cloud,
    serve,
)
from exporter.simulator.products import PRODUCTS


PROJECT = f"{1:032x}"
SCOPE = {"project": {"id": PROJECT}}
ENDPOINTS = [endpoint for product in PRODUCTS for endpoint in product.endpoints]


def furnished():
    """Return a cloud with something for every endpoint, and the parts of its paths."""
    cloud = simulated("a", "b")
    project = cloud.projects[0]
    project.pools.pools.append(Pool("pool-a", "shared"))
    project.services.v1.append(Service())
    return cloud, {
        "project_id": PROJECT,
        "job_id": project.visualization.jobs[0].job_id,
        "pool_id": "pool-a",
        "service_id": project.services.v1[0].service_id,
    }


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.api)
@pytest.mark.slow
async def test_every_endpoint_is_authenticated_and_can_fail(endpoint):
    """Switches and faults make it work, deny, throttle, be suspended or not offered."""
    cloud, parts = furnished()
    path = endpoint.path.format(**parts)
    other = endpoint.path.format(**parts | {"project_id": f"{2:032x}"})
    api = endpoint.api
    async with connected(cloud, SCOPE) as client:

        async def status(path=path, **headers):
            answer = await client.request(endpoint.method, path, headers=headers)
            return answer.status_code

        assert await status() == 200
        assert await status(other) == 403
        assert await status(**{"X-Auth-Token": "unknown"}) == 401
        for code, text in ((404, "APIG.0101"), (403, "ModelArts.0108"), (429, "x")):
            fault = {"effect": "status", "api": api, "status": code, "code": text}
            await client.post("/simulator/faults", json=fault)
            assert await status() == code
            await client.delete("/simulator/faults")
        cloud.throttle = Throttle(per_second=0.0, burst=0.0)
        assert await status() == 429
        cloud.throttle = None
        cloud.projects[0].suspended = True
        assert await status() == 403
        cloud.not_offered = {api}
        assert await status() == 404

    assert [request.status for request in cloud.asked(api)][:2] == [200, 403]


@pytest.mark.parametrize(
    ("path", "rows"),
    [
        ("/v1/{}/notebooks/all", "data"),
        ("/v1/{}/services", "services"),
        ("/v2/{}/services", "data"),
        ("/v1/{}/scheduled-events", "events"),
        ("/v1/{}/workspaces", "workspaces"),
        ("/v2/{}/pools/pool-a/workloads", "items"),
    ],
)
async def test_offsets_that_are_ignored(path, rows):
    """Each page has other items, or the same if the cloud ignores offsets."""
    cloud, _ = furnished()
    project = cloud.projects[0]
    for number in range(20):
        project.notebooks.notebooks.append(Notebook())
        project.services.v1.append(Service())
        project.services.v2.append(Service())
        project.scheduled_events.events.append(ScheduledEvent())
        project.workspaces.workspaces.append(Workspace(str(number)))
        project.pools.pools[0].workloads.append(Workload(uuid=str(number)))
    async with connected(cloud, SCOPE) as client:

        async def page(offset):
            query = {"limit": 10, "offset": offset}
            answer = await client.get(path.format(PROJECT), params=query)
            return answer.json()[rows]

        first, second = await page(0), await page(10)
        cloud.dialect = Dialect(ignores_offsets=True)
        ignored = await page(10)

    assert len(first) == len(second) == 10
    assert not [row for row in first if row in second]
    assert ignored == first


@pytest.mark.slow
async def test_the_demo_has_something_of_every_product():
    """The actual state of every product can be requested, and is not empty."""
    cloud = demo_cloud()
    async with (
        serve(cloud) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        for product in PRODUCTS:
            truth = (await client.get(f"/simulator/{product.name}")).json()
            assert truth.keys() == {project.name for project in cloud.projects}
            assert any(truth.values())
        assert "scheduled_events" in (await client.get("/")).text
