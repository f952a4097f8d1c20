"""check --assumptions: whether a cloud behaves as the exporter assumes."""

import asyncio
import json
import re
import sys

import pytest

from harness import (
    PASSWORD,
    SECRET_KEY,
    configuration,
    key_auth,
    password_auth,
    simulated,
)

from exporter.check import ask_clouds, assumptions_as_json, assumptions_table
from exporter.simulator import (
    Dialect,
    Effect,
    Fault,
    OwnProjects,
    RequestIds,
    serve,
)
from exporter.simulator.notebooks import Lease, Notebook
from exporter.simulator.pools import NodeFlavor, Pool, PoolNode


MANY = 70


def full_cloud():
    """Return a cloud with one project that has many jobs in both training APIs."""
    cloud = simulated("a")
    (project,) = cloud.projects
    now = cloud.clock.now()
    project.training.history(MANY, now - 60)
    project.visualization.history(MANY, now - 60)
    project.other_training.history(MANY, now - 3600, 86_400.0)
    project.other_training.create_job(8, created=now - 30)
    project.pools.pools.append(a_pool("nvidia.com/gpu"))
    project.notebooks.notebooks += [
        Notebook(lease=Lease(now - 3600 + number)) for number in range(25)
    ]
    return cloud


def a_pool(accelerator):
    """Return a pool with accelerators of this kind."""
    flavor = NodeFlavor("flavor", accelerators=8, accelerator=accelerator)
    return Pool("pool-1", "gpu", [PoolNode(flavor)])


async def checked(cloud, auth=None, **settings):
    """Test the assumptions on a cloud; return the verdicts by name, and the report."""
    async with serve(cloud) as url:
        verdicts = await ask_clouds(
            configuration(cloud, url, auth, **settings), lambda _: None
        )
    ((verdict,),) = [verdicts]
    return {
        each.assumption.name: each.verdict for each in verdict.results
    }, assumptions_table(verdicts) + assumptions_as_json(verdicts)


def not_held(verdicts):
    """Return the names of the assumptions that did not hold."""
    return {name for name, each in verdicts.items() if each.answer == "did not hold"}


@pytest.mark.parametrize("auth", [password_auth, key_auth])
@pytest.mark.slow
async def test_all_hold(auth):
    """All assumptions hold on the simulated cloud, after few requests."""
    cloud = full_cloud()
    verdicts, report = await checked(cloud, auth())

    assert not_held(verdicts) == set()
    assert {each.answer for each in verdicts.values()} == {"held"}
    assert len(verdicts) > 20
    assert len(cloud.record) < 100
    assert "It does not hold" not in report


SAME = [
    "training_v1",
    "training_v2",
    "visualization",
]


def every(name):
    """Return the names of an assumption about each API."""
    return {f"{api}_{name}" for api in SAME}


@pytest.mark.parametrize(
    ("differences", "broken"),
    [
        ({"ignores_order": True}, every("sorting")),
        ({"ignores_filters": True}, every("status_filter")),
        ({"refuses_filters": True}, every("status_filter")),
        ({"total_ignores_filters": True}, every("status_filter")),
        ({"matches_whole_names": True}, every("name_filter")),
        (
            {"largest_page": 60},
            {"training_v1_page_size", "visualization_page_size"},
        ),
        (
            {"largest_page": 60, "clamps_pages": True},
            {"training_v1_page_size", "visualization_page_size"},
        ),
        ({"offset_counts_items": True}, {"training_v2_offset"}),
        ({"without_quota_api": True}, {"training_v2_quota"}),
        ({"extra_fields": True}, every("fields")),
        ({"without_dates": True}, {"date_header"}),
        ({"request_ids": RequestIds.NONE}, {"request_id_header"}),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else "",
)
@pytest.mark.slow
async def test_a_dialect_that_breaks_an_assumption(differences, broken):
    """The report names the assumption, why it matters, and what the exporter does."""
    cloud = full_cloud()
    cloud.dialect = Dialect(**differences)
    verdicts, report = await checked(cloud)

    assert broken <= not_held(verdicts)
    # A dialect may also break other assumptions that depend on it.
    assert len(not_held(verdicts)) <= len(broken) + 6
    assert report.count("  why it matters: ") == len(not_held(verdicts))
    assert report.count("  the exporter:   ") == len(not_held(verdicts))


@pytest.mark.parametrize(
    ("fault", "broken"),
    [
        (
            Fault(
                effect=Effect.FIELDS,
                api="training_jobs",
                fields={"job_total_count": "999"},
            ),
            "training_v1_totals",
        ),
        (
            Fault(
                effect=Effect.FIELDS,
                api="training_job_searches",
                fields={"count": "999"},
            ),
            "training_v2_totals",
        ),
        (
            Fault(
                effect=Effect.FIELDS,
                api="visualization_jobs",
                fields={"job_total_count": "999"},
            ),
            "visualization_totals",
        ),
        (
            Fault(effect=Effect.FIELDS, api="training_jobs", fields={"status": "99"}),
            "training_v1_statuses",
        ),
        (
            Fault(
                effect=Effect.FIELDS,
                api="visualization_jobs",
                fields={"status": "99"},
            ),
            "visualization_statuses",
        ),
        (
            Fault(
                effect=Effect.FIELDS,
                api="training_job_searches",
                fields={"phase": '"Hibernating"'},
            ),
            "training_v2_statuses",
        ),
        (
            Fault(
                effect=Effect.STATUS,
                status=400,
                code="ModelArts.2788",
                api="training_job_searches",
                query='"limit":50',
            ),
            "training_v2_page_size",
        ),
        (
            Fault(
                effect=Effect.STATUS, status=404, code="APIG.0101", api="training_jobs"
            ),
            "training_jobs_v1_offered",
        ),
        (
            Fault(
                effect=Effect.STATUS,
                status=404,
                code="APIG.0101",
                api="training_job_searches",
            ),
            "training_jobs_v2_offered",
        ),
        (
            Fault(
                effect=Effect.STATUS,
                status=404,
                code="APIG.0101",
                api="visualization_jobs",
            ),
            "visualization_jobs_v1_offered",
        ),
        *(
            (
                Fault(effect=Effect.STATUS, status=404, code="APIG.0101", api=api),
                f"{api.removesuffix('_v2')}_{version}_offered",
            )
            for api, version in (
                ("pools", "v2"),
                ("notebooks", "v1"),
                ("services", "v1"),
                ("services_v2", "v2"),
                ("lite_servers", "v1"),
                ("scheduled_events", "v1"),
            )
        ),
        (
            Fault(effect=Effect.STATUS, status=403, api="auth_projects"),
            "own_projects_list",
        ),
        (
            Fault(effect=Effect.STATUS, status=403, api="projects"),
            "account_projects_list",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.slow
async def test_an_answer_that_breaks_an_assumption(fault, broken):
    """An assumption that did not hold is distinguished from an undecided one."""
    cloud = full_cloud()
    cloud.faults.add(fault)
    verdicts, _ = await checked(cloud)

    assert broken in not_held(verdicts)


@pytest.mark.slow
async def test_every_assumption_can_be_broken():
    """Each assumption in the table is broken by a test above."""
    verdicts, _ = await checked(full_cloud())
    broken = {"training_versions", "pools_accelerators"}
    broken |= {"notebooks_offset", "notebooks_statuses"}
    for test in (
        test_a_dialect_that_breaks_an_assumption,
        test_an_answer_that_breaks_an_assumption,
    ):
        (cases,) = (mark for mark in test.pytestmark if mark.name == "parametrize")
        for _, names in cases.args[1]:
            broken |= {names} if isinstance(names, str) else names

    assert verdicts.keys() == broken


@pytest.mark.slow
async def test_a_new_status_is_named():
    """The report has new statuses, but no text that cannot be one."""
    cloud = full_cloud()
    cloud.faults.add(
        Fault(
            effect=Effect.FIELDS,
            api="training_job_searches",
            fields={"phase": '"Hibernating"'},
        )
    )
    cloud.faults.add(
        Fault(
            effect=Effect.FIELDS,
            api="visualization_jobs",
            fields={"status": '"of user 4711@example.com"'},
        )
    )
    verdicts, report = await checked(cloud)

    seen = verdicts["training_v2_statuses"].seen
    assert seen == "never seen before: Hibernating"
    assert "4711" not in report
    assert "1 that are not shown" in verdicts["visualization_statuses"].seen


@pytest.mark.slow
async def test_versions_that_list_the_same_jobs():
    """Jobs in both versions have other IDs, but the same names and times."""
    cloud = full_cloud()
    cloud.projects[0].other_training = cloud.projects[0].training
    verdicts, _ = await checked(cloud)

    assert "training_versions" in not_held(verdicts)


@pytest.mark.parametrize(
    ("accelerator", "seen"),
    [
        ("nvidia.com/gpu", "all are known"),
        ("example.com/tpu-v9", "never seen before: example.com/tpu-v9"),
        ("of user 4711@example.com", "never seen before: one not shown"),
    ],
)
async def test_a_new_kind_of_accelerator_is_named(accelerator, seen):
    """The report has new accelerators, but no text that cannot be one."""
    cloud = full_cloud()
    cloud.projects[0].pools.pools[:] = [a_pool(accelerator)]
    verdicts, report = await checked(cloud)

    assert verdicts["pools_accelerators"].seen == seen
    is_known = accelerator == "nvidia.com/gpu"
    assert ("pools_accelerators" in not_held(verdicts)) is not is_known
    assert "4711" not in report


@pytest.mark.slow
async def test_undecided_assumptions():
    """An empty project decides little; a denial is reported without its text."""
    cloud = simulated("a")
    for jobs in (cloud.projects[0].training, cloud.projects[0].visualization):
        jobs.jobs.clear()
    cloud.faults.add(Fault(effect=Effect.ECHO, status=403, api="visualization_jobs"))
    verdicts, report = await checked(cloud)

    assert verdicts["training_v1_sorting"].seen == "too few jobs"
    assert verdicts["training_v1_name_filter"].answer == "undecided"
    visualization = verdicts["visualization_sorting"]
    assert visualization.answer == "undecided"
    assert visualization.seen == "permission HTTP 403 APIG.0301"
    assert "canonical" not in report


@pytest.mark.slow
async def test_the_next_project_decides_what_the_first_cannot():
    """At most three projects are asked."""
    cloud = simulated("a", "b", "c", "d", "e")
    for project in cloud.projects:
        if project.name != "b":
            project.training.jobs.clear()
    verdicts, report = await checked(cloud)

    assert verdicts["training_v1_sorting"].answer == "held"
    assert "in 3 projects:" in report
    asked = {one.project_id for one in cloud.asked("training_jobs")}
    assert asked <= {project.project_id for project in cloud.projects[:3]}


@pytest.mark.slow
async def test_a_list_without_the_project_that_asked():
    """An empty list does not hold."""
    cloud = full_cloud()
    cloud.identity.keys[0].access.own_projects = OwnProjects.EMPTY
    verdicts, _ = await checked(cloud, key_auth())

    own = verdicts["own_projects_list"]
    assert own.answer == "did not hold"
    assert own.seen == "0 projects, not with the one that asked"


@pytest.mark.parametrize("auth", [password_auth, key_auth])
async def test_the_report_can_be_published(auth):
    """The report has no name, ID, token or host of the user, whatever fails."""
    cloud = full_cloud()
    (project,) = cloud.projects
    names = {job.name for job in project.training.jobs}
    users = {job.user for job in project.training.jobs if job.user}
    cloud.dialect = Dialect(extra_fields=True, ignores_filters=True)
    with cloud.faults.on(Fault(effect=Effect.ECHO, status=401, times=1)):
        _, report = await checked(cloud, auth())

    assert not [name for name in names if name in report]
    assert not [user for user in users if user in report]
    for secret in (project.project_id, PASSWORD, SECRET_KEY, "AKCANARY", "127.0.0.1"):
        assert secret not in report
    assert not re.search(r"[0-9a-f]{16}|https?:", report)
    assert "eu-de" not in report


@pytest.mark.slow
async def test_the_command(tmp_path):
    """`check --assumptions` prints a table or JSON, and fails if one does not hold."""
    cloud = full_cloud()
    async with serve(cloud) as url:
        file = tmp_path / "modelarts.yml"
        file.write_text(
            f"""\
clouds:
  secret-cloud:
    region: eu-de
    iam_url: {url}
    modelarts_url: {url}
    auth:
      password: {{username: exporter, password: {PASSWORD}, domain: OTC1}}
projects:
  - {{name: secret-project, cloud: secret-cloud, project_id: {1:032x}}}
"""
        )

        async def run(*arguments):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "exporter",
                "check",
                "--assumptions",
                f"--config.file={file}",
                *arguments,
                stdout=-1,
                stderr=-1,
            )
            out, _ = await process.communicate()
            return process.returncode, out.decode()

        status, out = await run()
        assert status == 0
        assert re.search(
            r"^v2's offset counts pages, not jobs +held ", out, re.MULTILINE
        )
        cloud.dialect = Dialect(offset_counts_items=True)
        status, out = await run("--format=json")
        assert status == 1
        assert "secret" not in out
        (found,) = json.loads(out)["clouds"]
        by_name = {each["name"]: each for each in found["assumptions"]}
        assert by_name["training_v2_offset"]["verdict"] == "did not hold"
        assert by_name["training_v2_offset"]["the_exporter"]


@pytest.mark.slow
async def test_notebooks_that_are_not_as_assumed():
    """An unknown status, and an offset that starts elsewhere."""
    cloud = full_cloud()
    found = cloud.projects[0].notebooks.notebooks
    found[0].status = "THINKING"
    found[1].status = "secret-name-1"
    cloud.faults.add(
        Fault(
            effect=Effect.FIELDS,
            api="notebooks",
            query="offset=10",
            fields={"data": "[]"},
        )
    )
    verdicts, _ = await checked(cloud)

    assert not_held(verdicts) == {"notebooks_offset", "notebooks_statuses"}
    seen = verdicts["notebooks_statuses"].seen
    assert seen == "never seen before: THINKING, 1 that are not shown"


@pytest.mark.parametrize("number", [0, 10])
@pytest.mark.slow
async def test_too_few_notebooks(number):
    """Up to ten notebooks fit on the smallest page."""
    cloud = full_cloud()
    del cloud.projects[0].notebooks.notebooks[number:]
    verdicts, _ = await checked(cloud)

    assert verdicts["notebooks_offset"].answer == "undecided"
    assert not not_held(verdicts)
