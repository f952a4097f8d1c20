"""`collectors: all`: everything that the cloud offers and the credential may read."""

from dataclasses import replace

import pytest

from harness import configuration, exporting, simulated, with_projects

from exporter.collectors.registry import REGISTRY
from exporter.config import ALL_COLLECTORS, TrainingApi
from exporter.simulator import Effect, Fault, ManualClock, serve
from exporter.simulator.lite_servers import LiteServer


ALL = {"collectors": (ALL_COLLECTORS,), "training_api": TrainingApi.AUTO}
POOL = {"project": "a", "kind": "pool", "api_version": "v2"}
NOTEBOOKS = {"notebooks", "own_notebooks"}
LISTS = {
    "training_jobs",
    "training_job_searches",
    "visualization_jobs",
    "pools",
    *NOTEBOOKS,
    "services",
    "services_v2",
    "lite_servers",
    "own_lite_servers",
    "scheduled_events",
}


def exporter_of(url, cloud, clock=None, **project):
    """Run an exporter whose project collects all, unless `project` says otherwise."""
    change = with_projects(**{**ALL, **project})
    configured = change(configuration(cloud, url))
    return exporting(configured, clock=(clock or cloud.clock).now)


def deny(cloud, *apis):
    """Take permissions away from the simulated user."""
    cloud.identity.users[0].access.denied = set(apis)


def kinds(scrape, name):
    """Return the value of a metric by kind; all API versions have the same."""
    return {dict(labels)["kind"]: v for labels, v in scrape.series(name).items()}


@pytest.mark.slow
async def test_everything_is_collected():
    """Each kind that the cloud offers is collected, by each version of its API."""
    cloud = simulated("a")
    async with serve(cloud) as url, exporter_of(url, cloud) as exporter:
        scrape = await exporter.scrape()

    assert kinds(scrape, "up") == dict.fromkeys(REGISTRY.kinds, 1)
    assert kinds(scrape, "offered") == dict.fromkeys(REGISTRY.kinds, 1)
    assert all(
        cloud.asked(api) for api in LISTS - {"own_notebooks", "own_lite_servers"}
    )


@pytest.mark.slow
async def test_a_cloud_that_offers_less():
    """What the cloud does not offer is no failure: no project names it."""
    cloud = simulated("a")
    lacking = {"services_v2", "lite_servers", "own_lite_servers", "scheduled_events"}
    cloud.not_offered = lacking
    async with serve(cloud) as url, exporter_of(url, cloud) as exporter:
        scrape = await exporter.scrape()

    absent = {"lite_server", "scheduled_event"}
    assert set(scrape.series("up").values()) == {1}
    assert kinds(scrape, "up").keys() == set(REGISTRY.kinds) - absent
    for kind in absent:
        assert set(scrape.series("offered", kind=kind).values()) == {0}
    assert scrape.value("offered", project="a", kind="service", api_version="v2") == 0
    assert not scrape.series("collection_errors_total", kind="lite_server")


@pytest.mark.slow
async def test_a_missing_permission_is_no_failure(logged):
    """A denied kind is not down; it is logged once and asked for again every hour."""
    cloud = simulated("a")
    deny(cloud, "pools", *NOTEBOOKS)
    clock = ManualClock()
    async with serve(cloud) as url, exporter_of(url, cloud, clock) as exporter:
        scrapes = [await exporter.scrape() for _ in range(3)]
        clock.advance(3599)
        scrapes.append(await exporter.scrape())
        for scrape in scrapes:
            assert set(scrape.series("up").values()) == {1}
            for kind in ("pool", "notebook"):
                (found,) = [
                    name
                    for name, labels in scrape.samples
                    if ("kind", kind) in labels and name.startswith("modelarts_")
                ]
                assert found == "modelarts_offered"
                assert set(scrape.series("offered", kind=kind).values()) == {1}
        assert len(cloud.asked("pools")) == 1
        page = (await exporter.client.get(f"{exporter.url}/?project=a")).text
        assert page.count(": not permitted. The credential may not read it;") == 2
        assert "<strong>1</strong> Collected" in page
        assert "user modelarts:pool:list. It is asked again every hour" in page

        clock.advance(1)
        deny(cloud)
        assert set((await exporter.scrape()).series("up", kind="pool").values()) == {1}

    lines = [line for line in logged() if " level=debug " not in line]
    reported = [
        line for line in lines if "not permitted; asked again every hour" in line
    ]
    assert len(reported) == 2
    assert all(" level=info " in line for line in reported)
    assert any("modelarts:pool:list" in line for line in reported)
    assert not [line for line in lines if " level=warn" in line]


@pytest.mark.slow
async def test_a_reload_asks_at_once():
    """A reload asks at once, since the permission may have been granted."""
    cloud = simulated("a")
    deny(cloud, "pools")
    async with serve(cloud) as url, exporter_of(url, cloud) as exporter:
        assert (await exporter.scrape()).value("up", **POOL) is None
        deny(cloud)
        assert (await exporter.scrape()).value("up", **POOL) is None
        await exporter.client.post(f"{exporter.url}/-/reload")

        assert (await exporter.scrape()).value("up", **POOL) == 1


@pytest.mark.slow
async def test_a_revoked_permission_is_a_failure():
    """A permission that is lost is a failure, so that no data vanish unnoticed."""
    cloud = simulated("a")
    async with serve(cloud) as url, exporter_of(url, cloud) as exporter:
        await exporter.scrape()
        deny(cloud, "pools")
        for number in (1, 2):
            scrape = await exporter.scrape()
            assert scrape.value("up", **POOL) == 0
            failures = scrape.value(
                "collection_errors_total", reason="permission", **POOL
            )
            assert failures == number
            await exporter.client.post(f"{exporter.url}/-/reload")
        deny(cloud)

        assert (await exporter.scrape()).value("up", **POOL) == 1


@pytest.mark.slow
async def test_jobs_have_to_be_readable():
    """A credential that may not read the jobs fails."""
    cloud = simulated("a")
    deny(cloud, *LISTS)
    async with serve(cloud) as url, exporter_of(url, cloud) as exporter:
        for _ in range(2):
            scrape = await exporter.scrape()
            assert kinds(scrape, "up") == {"training": 0, "visualization": 0}
            assert scrape.errors("a", "training").keys() == {"permission"}


async def test_named_collectors_have_to_be_readable():
    """A kind in a list of collectors has to be readable."""
    cloud = simulated("a")
    deny(cloud, "pools")
    async with (
        serve(cloud) as url,
        exporter_of(url, cloud, collectors=("pools",)) as exporter,
    ):
        assert (await exporter.scrape()).value("up", **POOL) == 0


@pytest.mark.parametrize(
    ("status", "code", "is_failure"),
    [
        (403, "ModelArts.0108", False),
        (403, "ModelArts.0112", False),
        (403, "APIGW.0302", False),
        (401, "ModelArts.6203", True),
        (403, "ModelArts.0206", True),
        (403, "ModelArts.2785", True),
        (403, "ModelArts.0210", True),
        (403, None, True),
    ],
)
@pytest.mark.slow
async def test_which_answers_are_a_missing_permission(status, code, is_failure):
    """Errors of the credential, account, project or proxy are no missing permission."""
    cloud = simulated("a")
    cloud.faults.add(Fault(effect=Effect.STATUS, status=status, code=code, api="pools"))
    async with serve(cloud) as url, exporter_of(url, cloud) as exporter:
        scrape = await exporter.scrape()

    assert scrape.value("up", **POOL) == (0 if is_failure else None)
    assert scrape.value("offered", **POOL) == 1


@pytest.mark.slow
async def test_a_probe_of_a_kind():
    """Each kind can be probed; for a denied one, the debug output says why."""
    cloud = simulated("a")
    deny(cloud, "pools")
    async with serve(cloud) as url, exporter_of(url, cloud) as exporter:
        probe = f"{exporter.url}/probe?project=a"
        for kind in REGISTRY.kinds:
            answer = await exporter.client.get(f"{probe}&kind={kind}")
            assert answer.status_code == 200
            assert f'kind="{kind}"' in answer.text
        account = await exporter.client.get(f"{probe}&kind=pool&debug=true")

    assert "not permitted after" in account.text
    assert "grant the exporter's user modelarts:pool:list" in account.text


@pytest.mark.slow
async def test_lite_servers_count_once():
    """Lite Servers have no workspace, so one of a project's workspaces has them."""
    cloud = simulated("a")
    cloud.projects[0].lite_servers.servers.append(LiteServer())
    async with serve(cloud) as url:
        configured = with_projects(**ALL)(configuration(cloud, url))
        (project,) = configured.projects
        other = replace(project, name="a/team", workspace_id="7")
        both = replace(configured, projects=(project, other))
        async with exporting(both) as exporter:
            scrape = await exporter.scrape()

    servers = scrape.series("lite_servers")
    assert sum(servers.values()) == 1
    assert {dict(labels)["project"] for labels in servers} == {"a"}
    assert scrape.series("up", project="a/team", kind="notebook")
