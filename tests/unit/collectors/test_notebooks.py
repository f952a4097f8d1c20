"""Notebooks of all users: their numbers, resources and leases, without secrets."""

import asyncio
import re

import pytest

from harness import configuration as configured_for
from harness import (
    exporting,
    exporting_from,
    simulated,
    with_cloud,
    with_projects,
)
from huaweicloudsdkmodelarts.v1 import ListAllNotebooksRequest
from simulator_client import modelarts_sdk

from exporter.check import Step, check_all, table
from exporter.config import NotebookSeries, Provider
from exporter.simulator import (
    NOTEBOOK_TOKEN,
    Lease,
    Notebook,
    demo_cloud,
    serve,
)


NOTEBOOKS = with_projects(collectors=("notebooks",))
HOUR = 3600.0


def with_notebooks(*notebooks):
    """Return a cloud with a project that has these notebooks, and its notebooks."""
    cloud = simulated("a")
    state = cloud.projects[0].notebooks
    state.notebooks += notebooks
    return cloud, state


def numbers(scrape, name, label):
    """Return the values of a notebook metric by a label, without the zeros."""
    return {
        dict(labels)[label]: value
        for labels, value in scrape.series(name, project="a").items()
        if value
    }


async def test_notebooks_are_counted():
    """Notebooks are counted by status and phase, with resources, storage and ages."""
    cloud, _ = with_notebooks(
        Notebook(lease=Lease(1.6e9, enabled=False), capacity=5),
        Notebook(lease=Lease(1.61e9, type="IDLE"), pool=("pool-a", "shared")),
        Notebook(status="SNAPSHOTTING", lease=Lease(1.62e9, type=None), category="SFS"),
        Notebook(status="STOPPED", capacity=100),
        Notebook(status="STOPPED", capacity=None),
        Notebook(status="FROZEN"),
        Notebook(status="DELETED"),
        Notebook(status="DREAMING"),
    )
    async with exporting_from(cloud, change=NOTEBOOKS) as exporter:
        scrape = await exporter.scrape()
        page = (await exporter.client.get(f"{exporter.url}/?project=a")).text
        table = (await exporter.client.get(exporter.url)).text

    assert scrape.up() == {("a", "notebook"): 1}
    assert numbers(scrape, "notebooks", "status") == {
        "running": 2,
        "snapshotting": 1,
        "stopped": 2,
        "frozen": 1,
        "unrecognized": 1,
    }
    assert scrape.value("notebooks", project="a", status="frozen", phase="failed") == 1
    # Each phase has a sample, even if it is 0.
    zero = {"status": "creating", "phase": "pending"}
    assert scrape.value("notebooks", project="a", **zero) == 0
    assert numbers(scrape, "running_notebooks", "auto_stop") == {
        "off": 1,
        "idle": 1,
        "timing": 1,
    }
    assert numbers(scrape, "running_notebooks", "pool") == {"": 1, "pool-a": 1}
    gigabytes = {
        (dict(labels)["phase"], dict(labels)["category"]): value / 2**30
        for labels, value in scrape.series("notebook_storage_bytes").items()
    }
    assert gigabytes == {
        ("running", "evs"): 55,
        ("running", "sfs"): 50,
        ("stopped", "evs"): 100,
        ("failed", "evs"): 50,
        ("unknown", "evs"): 50,
    }
    oldest = "notebook_oldest_created_timestamp_seconds"
    assert numbers(scrape, oldest, "phase") == {"running": 1.6e9}
    kind = {"project": "a", "kind": "notebook"}
    assert list(scrape.series("listing_complete", **kind).values()) == [1]
    assert "3 running" in page
    days = re.search(r"Longest running: (\d+ d)", page)[1]
    # For jobs, which end by themselves, this would mean nothing.
    assert days not in table
    assert not scrape.series("notebook_info")


async def test_a_custom_flavor():
    """A custom flavor is reported as the flavor of the pool's node."""
    custom = {"gpu": 0.5, "resource_flavor": "modelarts.p3.large"}
    cloud, _ = with_notebooks(
        Notebook(flavor="custom.flavor.spec.code", custom_spec=custom), Notebook()
    )
    async with exporting_from(cloud, change=NOTEBOOKS) as exporter:
        scrape = await exporter.scrape()

    assert numbers(scrape, "running_notebooks", "flavor") == {
        "modelarts.p3.large": 1,
        "modelarts.vm.cpu.8u": 1,
    }


async def test_a_status_without_notebooks():
    """A status stays with 0, so that its alerts resolve."""
    cloud, state = with_notebooks(Notebook(status="START_FAILED"))
    async with exporting_from(cloud, change=NOTEBOOKS) as exporter:
        before = await exporter.scrape()
        state.notebooks.clear()
        after = await exporter.scrape()

    failed = {"project": "a", "status": "start_failed", "phase": "failed"}
    assert before.value("notebooks", **failed) == 1
    assert after.value("notebooks", **failed) == 0


@pytest.mark.parametrize("number", [50, 51, 230])
@pytest.mark.slow
async def test_many(number):
    """All pages of fifty are requested together, and each notebook counts once."""
    old = Lease(1.6e9)
    cloud, _ = with_notebooks(*(Notebook(lease=old) for _ in range(number)))
    async with exporting_from(cloud, change=NOTEBOOKS) as exporter:
        await exporter.scrape()
        cloud.record.clear()
        scrape = await exporter.scrape()

    assert numbers(scrape, "notebooks", "status") == {"running": number}
    assert len(cloud.asked("notebooks")) == number // 50 + 1


@pytest.mark.slow
async def test_notebooks_change_during_a_scan():
    """A notebook that moves to another page during the scan counts exactly once."""
    old = Lease(1.6e9)
    kept = [Notebook(lease=old, flavor=f"kept-{n}") for n in range(120)]
    going = [Notebook(lease=old, flavor="going") for _ in range(7)]
    cloud, state = with_notebooks(*going, *kept)
    now = cloud.clock.now()
    coming = [Notebook(lease=Lease(now), flavor="coming") for _ in range(7)]
    answers = 0

    def changing(_):
        """Delete the first notebook and create another before each answer."""
        nonlocal answers
        answers = min(answers + 1, 7)
        return [*going[answers:], *kept, *coming[:answers]]

    state.plan = changing
    async with exporting_from(cloud, change=NOTEBOOKS) as exporter:
        scrape = await exporter.scrape(20)

    flavors = numbers(scrape, "running_notebooks", "flavor")
    assert {name: n for name, n in flavors.items() if name.startswith("kept")} == {
        f"kept-{n}": 1 for n in range(120)
    }


@pytest.mark.slow
async def test_without_permission_to_list_all():
    """Only the user's own are exported, with a failure that names the permission."""
    cloud, state = with_notebooks(Notebook(), Notebook(status="STOPPED"))
    state.denies_all = True
    state.notebooks[0].user_id = cloud.identity.users[0].access.user_id
    async with serve(cloud) as url:
        configured = NOTEBOOKS(configured_for(cloud, url))
        async with exporting(configured) as exporter:
            scrape = await exporter.scrape()
            page = (await exporter.client.get(f"{exporter.url}/?project=a")).text
            state.denies_all = False
            granted = await exporter.scrape()
        state.denies_all = True
        findings = await check_all(configured, lambda _: None)

    kind = {"project": "a", "kind": "notebook"}
    assert scrape.up() == {("a", "notebook"): 1}
    assert list(scrape.series("listing_complete", **kind).values()) == [0]
    assert numbers(scrape, "notebooks", "status") == {"running": 1}
    assert scrape.errors("a", "notebook") == {"permission": 1}
    assert "only notebooks of the exporter&#39;s own user are known" in page
    assert "grant the exporter&#39;s user modelarts:notebook:listAllNotebooks" in page
    assert list(granted.series("listing_complete", **kind).values()) == [1]
    assert numbers(granted, "notebooks", "status") == {"running": 1, "stopped": 1}
    (found,) = findings
    assert found.steps[Step.PERMISSION].words == "no notebooks of others"
    assert "modelarts:notebook:listAllNotebooks" in table(findings)


@pytest.mark.parametrize(
    ("provider", "spelling"),
    [
        (Provider.OTC, "workspaceId"),
        (None, "workspaceId"),
        (Provider.HUAWEICLOUD, "workspace_id"),
    ],
    ids=str,
)
async def test_a_workspace(provider, spelling):
    """The query has the provider's spelling; if it is ignored, nothing is counted."""
    cloud, state = with_notebooks(Notebook(), Notebook(workspace_id="team"))
    state.workspace_parameters = (spelling,)

    def change(configured):
        configured = with_cloud(provider=provider)(NOTEBOOKS(configured))
        return with_projects(workspace_id="team")(configured)

    async with exporting_from(cloud, change=change) as exporter:
        own = await exporter.scrape()
        state.workspace_parameters = ()
        ignored = await exporter.scrape()
        page = (await exporter.client.get(f"{exporter.url}/?project=a")).text

    assert numbers(own, "notebooks", "status") == {"running": 1}
    assert ignored.up() == {("a", "notebook"): 0}
    assert not ignored.series("notebooks")
    assert "it is about another workspace than requested" in page


async def test_single_notebooks():
    """Opt-in: running ones first, then the oldest, up to the limit."""
    cloud, _ = with_notebooks(
        Notebook("young", lease=Lease(1.62e9, enabled=False)),
        Notebook("stopped", "STOPPED", lease=Lease(1.5e9)),
        Notebook("old", user="anna", lease=Lease(1.6e9, HOUR), notebook_id="id-old"),
        Notebook("idle", lease=Lease(1.61e9, type="idle")),
    )
    series = NotebookSeries(enabled=True, max_per_project=3)
    async with exporting_from(
        cloud, change=NOTEBOOKS, notebook_series=series
    ) as exporter:
        scrape = await exporter.scrape()

    assert set(numbers(scrape, "notebook_info", "name")) == {"old", "idle", "young"}
    assert scrape.series(
        "notebook_info", user="anna", status="running", auto_stop="timing"
    )
    assert numbers(scrape, "notebook_auto_stop_timestamp_seconds", "notebook_id") == {
        "id-old": 1.6e9 + HOUR
    }


@pytest.mark.slow
async def test_tokens_are_never_shown(logged):
    """The tokens of notebooks are in no metric, page, log line or finding."""
    cloud, state = with_notebooks(Notebook(lease=Lease(1.6e9)))
    series = NotebookSeries(enabled=True)
    async with serve(cloud) as url:
        configured = NOTEBOOKS(configured_for(cloud, url, notebook_series=series))
        async with exporting(configured) as exporter:
            scrape = await exporter.scrape()
            state.workspace_parameters = ()
            page = (await exporter.client.get(f"{exporter.url}/?project=a")).text
        elsewhere = with_projects(workspace_id="team")(configured)
        async with exporting(elsewhere) as exporter:
            await exporter.scrape()
            failed = (await exporter.client.get(f"{exporter.url}/?project=a")).text
        findings = await check_all(elsewhere, lambda _: None)

    assert scrape.up() == {("a", "notebook"): 1}
    texts = [scrape.response.text, page, failed, table(findings), "".join(logged())]
    assert all(texts)
    assert not [text for text in texts if NOTEBOOK_TOKEN in text]
    assert not [text for text in texts if "notebook.example.com" in text]


@pytest.mark.slow
async def test_the_official_sdk_sees_the_same():
    """The official SDK finds as many of each status as the exporter."""
    cloud, _ = with_notebooks()
    project = cloud.projects[0]
    project.notebooks = demo_cloud(cloud.clock).projects[0].notebooks
    async with serve(cloud) as url:
        sdk = modelarts_sdk(url, project.project_id)
        seen = []
        for offset in (0, 50):
            request = ListAllNotebooksRequest(limit=50, offset=offset)
            answer = await asyncio.to_thread(sdk.list_all_notebooks, request)
            seen += [row.status.lower() for row in answer.data]
        async with exporting(NOTEBOOKS(configured_for(cloud, url))) as exporter:
            scrape = await exporter.scrape()

    assert len(seen) == 64
    assert numbers(scrape, "notebooks", "status") == {
        status: seen.count(status) for status in set(seen)
    }
