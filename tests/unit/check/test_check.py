"""The command `check`: what works, what is missing, and what to do about it."""

import asyncio
import json
import re
import sys
import time

from dataclasses import replace

import pytest
import trustme

from harness import (
    configuration,
    key_auth,
    password_auth,
    simulated,
    with_cloud,
    with_projects,
)

from exporter.check import Step, as_json, check_all, checks, clients, table
from exporter.config import Tls, TrainingApi
from exporter.simulator import (
    Dialect,
    Effect,
    Fault,
    ServerCertificate,
    demo_cloud,
    serve,
)


async def checked(cloud, change=None, auth=None, certificate=None, **collection):
    """Check a cloud; return the findings, and those reported while it ran."""
    reported = []
    async with serve(cloud, certificate=certificate) as url:
        configured = configuration(cloud, url, auth, **collection)
        if change is not None:
            configured = change(configured)
        return await check_all(configured, reported.append), reported


def words(finding):
    """Return the words of each step of a finding."""
    return {step: result.words for step, result in finding.steps.items()}


@pytest.mark.parametrize("auth", [password_auth(), key_auth()], ids=["password", "key"])
async def test_all_is_well(auth):
    """Every step of every project and collector is reported as soon as it is known."""
    cloud = simulated("a", "b", training_api="v2")
    findings, reported = await checked(cloud, auth=auth)

    assert [(one.project, one.collector, one.ok) for one in findings] == [
        ("a", "training_jobs", True),
        ("a", "visualization_jobs", True),
        ("b", "training_jobs", True),
        ("b", "visualization_jobs", True),
    ]
    assert words(findings[0])[Step.JOBS] == "13"
    assert words(findings[0])[Step.PAGE_SIZE] == "50"
    assert words(findings[1])[Step.PAGE_SIZE] == "1000"
    assert words(findings[0])[Step.CREDENTIALS] == "ok"
    assert sorted(map(id, reported)) == sorted(map(id, findings))
    assert table(findings).endswith("all well\n")
    assert re.search(r"^a +training_jobs .* 13 jobs$", table(findings), re.MULTILINE)


@pytest.mark.parametrize(
    ("fault", "step", "advice"),
    [
        (
            Fault(effect=Effect.STATUS, status=403, code="ModelArts.0108"),
            Step.PERMISSION,
            "grant the exporter's user modelarts:trainJob:list",
        ),
        (
            Fault(effect=Effect.STATUS, status=404, code="APIG.0101"),
            Step.JOBS,
            "leave out training_api",
        ),
        (Fault(effect=Effect.HTML), Step.JOBS, "check the cloud's modelarts_url"),
    ],
    ids=["permission", "nowhere", "html"],
)
async def test_what_fails_says_what_to_do(fault, step, advice):
    """The step that fails is named with advice; the other steps go on."""
    cloud = simulated("a")
    fault.api = "training_jobs"
    fault.status = 200 if fault.effect is Effect.HTML else fault.status
    cloud.faults.add(fault)
    (training, visualization), _ = await checked(cloud)

    assert training.steps[step].ok is False
    assert not training.ok
    assert visualization.ok
    assert advice in training.problems[0].advice
    text = table([training, visualization])
    assert f"  -> {training.problems[0].advice}" in text
    assert text.endswith("1 of 2 cannot be collected\n")


async def test_a_wrong_password():
    """The credentials fail, and no later step is reported."""
    findings, _ = await checked(simulated("a"), auth=password_auth("wrong"))

    assert {one.steps[Step.CREDENTIALS].ok for one in findings} == {False}
    assert {one.steps[Step.PERMISSION].ok for one in findings} == {None}
    assert "wrong" not in as_json(findings)


@pytest.mark.slow
async def test_a_smaller_page_size_is_reported():
    """A rejected page size is reported with the accepted one."""
    cloud = simulated("a")
    cloud.dialect = Dialect(largest_page=100)
    findings, _ = await checked(cloud)

    assert words(findings[0])[Step.PAGE_SIZE] == "100 (1000 rejected)"
    assert all(one.ok for one in findings)


@pytest.mark.parametrize(
    ("has", "asked"), [("v2", TrainingApi.V1), ("v1", TrainingApi.V2)]
)
async def test_jobs_that_the_other_api_has(has, asked):
    """An API that lists nothing while the other one has jobs is the wrong one."""
    cloud = simulated("a", training_api=has)

    def with_the_other(configured):
        project = replace(configured.projects[0], training_api=asked)
        return replace(configured, projects=(project,))

    findings, _ = await checked(cloud, with_the_other)

    assert not findings[0].ok
    assert words(findings[0])[Step.JOBS] == f"0 (13 in {has})"
    assert findings[0].problems[0].advice == "set training_api: auto for this project"


async def test_an_api_that_is_not_offered():
    """A missing API is no problem of a project that does not ask for it."""
    cloud = simulated("a", training_api="v2")
    cloud.not_offered = {"training_jobs"}
    findings, _ = await checked(cloud, with_projects(training_api=TrainingApi.AUTO))

    assert [(one.api_version, words(one)[Step.JOBS]) for one in findings[:2]] == [
        ("v1", "not offered"),
        ("v2", "13"),
    ]
    assert table(findings).endswith("all well\n")

    cloud.not_offered = {"training_jobs", "training_job_searches"}
    named = with_projects(training_api=TrainingApi.AUTO, collectors=("training_jobs",))
    findings, _ = await checked(cloud, named)

    assert [words(one)[Step.JOBS] for one in findings] == ["FAILED", "FAILED"]


async def test_missing_permissions_with_all_collectors():
    """Missing permissions are one line and no problem, except for the jobs'."""
    cloud = simulated("a")
    access = cloud.identity.users[0].access
    access.denied = {"pools"}
    findings, _ = await checked(cloud, with_projects(collectors=("all",)))

    (pools,) = [one for one in findings if one.collector == "pools"]
    said = "not permitted: grant the exporter's user modelarts:pool:list"
    assert words(pools)[Step.PERMISSION] == "no"
    assert words(pools)[Step.JOBS] == said
    text = table(findings)
    assert text.count(said) == 1
    assert text.endswith("all well\n")

    access.denied = {"pools", "visualization_jobs"}
    findings, _ = await checked(cloud, with_projects(collectors=("all",)))

    assert [one.collector for one in findings if not one.ok] == ["visualization_jobs"]


async def test_an_empty_project_is_well():
    """A project without jobs in either API has no problem."""
    cloud = simulated("a")
    cloud.projects[0].training.jobs.clear()
    findings, _ = await checked(cloud)

    assert findings[0].ok
    assert words(findings[0])[Step.JOBS] == "0"


async def test_a_quota_without_permission():
    """A missing permission for quotas is reported as well."""
    cloud = simulated("a", training_api="v2")
    cloud.faults.add(Fault(effect=Effect.STATUS, status=403, api="training_quotas"))
    findings, _ = await checked(cloud)

    assert words(findings[0])[Step.PERMISSION] == "no quota"
    assert words(findings[0])[Step.JOBS] == "13"
    assert "modelarts:trainJob:getQuotas" in findings[0].problems[0].advice


async def test_a_host_without_an_address():
    """A host without an address is reported before any request is sent."""
    cloud = simulated("a")
    findings, _ = await checked(
        cloud,
        with_cloud(
            modelarts_url="http://nowhere.invalid", iam_url="http://nowhere.invalid"
        ),
    )

    assert findings[0].steps[Step.NAME].ok is False
    assert findings[0].steps[Step.JOBS].ok is None
    assert "no address for nowhere.invalid" in findings[0].problems[0].problem


async def test_tls(tmp_path):
    """A trusted certificate passes; an untrusted one is reported."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    for blob in issued.cert_chain_pems:
        blob.write_to_path(str(tmp_path / "cert.pem"), append=True)
    certificate = ServerCertificate(tmp_path / "cert.pem", tmp_path / "key.pem")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    cloud = simulated("a")

    findings, _ = await checked(cloud, certificate=certificate)
    assert findings[0].steps[Step.TLS].ok is False
    assert "certificate" in findings[0].problems[0].problem
    assert findings[0].steps[Step.JOBS].ok is None

    findings, _ = await checked(
        cloud, with_cloud(tls=Tls(ca_file=tmp_path / "ca.pem")), certificate=certificate
    )
    assert words(findings[0])[Step.TLS] == "ok"
    assert findings[0].ok


async def test_a_wrong_clock():
    """A clock that is far off is reported even while everything still works."""
    cloud = simulated("a")
    cloud.date_ahead = 600.0
    findings, _ = await checked(cloud)

    assert findings[0].steps[Step.CLOCK].ok is False
    assert words(findings[0])[Step.CLOCK] in {"+599 s", "+600 s", "+601 s"}
    assert "NTP" in findings[0].problems[-1].advice


@pytest.mark.parametrize("auth", [password_auth("wrong"), key_auth("wrong")])
async def test_one_cause_is_one_message(auth):
    """A rejected credential is reported once, with everything it affects."""
    names = [f"p{number:02}" for number in range(20)]
    findings, _ = await checked(simulated(*names), auth=auth)
    text = table(findings)

    assert text.count("HTTP 401") == text.count("  -> ") == 1
    assert "20 projects (p00, p01, p02 and 17 more) training_jobs v1, visual" in text
    assert "(not sent again for " in text
    (problem,) = json.loads(as_json(findings))["problems"]
    assert len(problem["projects"]) == 20
    assert problem["consequence"].startswith("not sent again for ")


async def test_an_unreachable_cloud_is_one_message():
    """A host that has no address is one message for all projects."""
    nowhere = "http://nowhere.invalid"
    findings, _ = await checked(
        simulated("a", "b", "c"), with_cloud(modelarts_url=nowhere, iam_url=nowhere)
    )

    assert table(findings).count("no address for nowhere.invalid") == 1


@pytest.mark.parametrize("effect", [Effect.ENDLESS, Effect.REPEATING])
async def test_a_listing_that_never_ends(effect):
    """A list that never ends is a problem, although its first page is good."""
    cloud = simulated("a")
    cloud.faults.add(Fault(effect=effect, api="training_jobs"))
    (training, _), _ = await checked(cloud)

    assert training.steps[Step.JOBS].ok is False
    assert "page 4 has 100 objects" in training.problems[0].problem
    assert words(training)[Step.PAGE_SIZE] == "1000"


async def test_a_listing_without_totals_that_never_ends():
    """Pages that repeat are reported, too."""
    cloud = simulated("a")
    cloud.faults.add(
        Fault(
            effect=Effect.FIELDS,
            api="training_jobs",
            fields={"jobs": json.dumps([{"job_id": number} for number in range(5)])},
            without=["job_total_count"],
        )
    )
    (training, _), _ = await checked(cloud, page_size=5)

    assert "the same" in training.problems[0].problem


@pytest.mark.slow
async def test_a_hanging_cloud(monkeypatch):
    """Each step has a timeout, and so has the whole check; rows come before its end."""
    names = [f"p{number:02}" for number in range(40)]
    cloud = simulated(*names)
    monkeypatch.setattr(clients, "STEP_SECONDS", 1.0)
    monkeypatch.setattr(checks, "_TOTAL_SECONDS", 6.0)
    hangs = Fault(effect=Effect.HANG, api="training_jobs")
    cloud.faults.add(hangs)
    started = time.monotonic()
    findings, reported = await checked(cloud)

    # Not an exact time, since the machine may be busy.
    assert time.monotonic() - started < 20
    training = [one for one in findings if one.collector == "training_jobs"]
    assert {one.steps[Step.JOBS].ok for one in training} == {False}
    asked = [one for one in training if one.problems[0].request]
    assert (
        asked[0].problems[0].request
        == f"GET /v1/{1:032x}/training-jobs (training_jobs)"
    )
    assert reported[0].collector == "visualization_jobs"
    assert reported[0].ok


@pytest.mark.slow
async def test_other_collectors_that_the_credential_can_read():
    """Other readable collectors are listed with their numbers; empty ones are not."""
    cloud = simulated("a", "b", "c")
    cloud.projects[2].visualization.jobs.clear()
    uncollected = []

    def training_only(configured):
        return replace(
            configured,
            projects=tuple(
                replace(one, collectors=("training_jobs",))
                for one in configured.projects
            ),
        )

    async with serve(cloud) as url:
        configured = training_only(configuration(cloud, url))
        findings = await check_all(
            configured, lambda _: None, on_uncollected=uncollected.append
        )

    assert [one.collector for one in findings] == ["training_jobs"] * 3
    hint = "visualization_jobs: 3 in a, b; add visualization_jobs to collectors"
    assert hint in table(findings, uncollected)
    report = json.loads(as_json(findings, uncollected))
    assert report["ok"] is True
    assert report["uncollected"] == [
        {"project": "a", "collector": "visualization_jobs", "number": 1},
        {"project": "b", "collector": "visualization_jobs", "number": 2},
    ]


@pytest.mark.slow
async def test_the_command(tmp_path):
    """`check` prints a table or JSON; its status is 0 if all is well and 1 if not."""
    async with serve(demo_cloud()) as url:
        file = tmp_path / "modelarts.yml"
        file.write_text(
            f"""\
clouds:
  demo:
    region: eu-de
    iam_url: {url}
    modelarts_url: {url}
    auth:
      password:
        username: exporter
        password: demo-password
        domain: OTC00000000001000000001
projects:
  - {{name: vision, cloud: demo, project_id: {1:032x}}}
  - {{name: translation, cloud: demo, project_id: {6:032x}, training_api: v1}}
"""
        )

        async def run(*arguments):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "exporter",
                "check",
                f"--config.file={file}",
                *arguments,
                stdout=-1,
                stderr=-1,
            )
            out, err = await process.communicate()
            return process.returncode, out.decode(), err.decode()

        status, out, err = await run()
        assert status == 1
        assert "set training_api: auto for this project" in out
        assert "checking 5 collections" in err
        head, *rows = out.partition("\n\n")[0].splitlines()
        assert head.startswith("project      collector           API  name resolution")
        assert len(rows) == 5
        status, out, _ = await run("--format=json")
        found = json.loads(out)
        assert found["ok"] is False
        assert found["duration_seconds"] > 0
        assert [one["ok"] for one in found["targets"]] == [
            True,
            True,
            True,
            False,
            True,
        ]
        first, _, _, fourth, _ = found["targets"]
        assert first["steps"]["credentials"] == {"ok": True, "words": "ok"}
        assert first["steps"]["name_resolution"]["ok"] is True
        assert (first["project"], first["cloud"]) == ("vision", "demo")
        assert (first["collector"], first["api_version"]) == ("training_jobs", "v1")
        assert first["number"] > 2000
        assert first["page_size"] == 1000
        assert abs(first["clock_skew_seconds"]) < 10
        assert first["duration_seconds"] > 0
        (problem,) = fourth["problems"]
        assert problem["advice"] == "set training_api: auto for this project"
        (common,) = found["problems"]
        assert common["projects"] == ["translation"]
        assert common["collectors"] == ["training_jobs v1"]
        assert common["problem"] == problem["problem"]
        file.write_text(file.read_text().replace("training_api: v1", ""))
        assert (await run())[0] == 0
