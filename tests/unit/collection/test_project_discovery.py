"""Projects are discovered over HTTP, and kept when a list fails."""

import asyncio

from dataclasses import replace

import pytest

from discovering import REGION, account, discovering
from harness import (
    PASSWORD,
    SECRET_KEY,
    SECURITY_TOKEN,
    key_auth,
    password_auth,
    simulated,
)

from exporter.cloud.discovery.project_list import ListOperation
from exporter.collection.discovery import cloud_discovery, project_discovery
from exporter.collection.discovery.selection import Fate
from exporter.config import (
    AccessKeyAuth,
    Discovery,
    EcsAgencyAuth,
    NamedProject,
    Project,
    ProjectSettings,
    Secret,
)
from exporter.errors import Reason
from exporter.simulator import (
    Access,
    Effect,
    Fault,
    Key,
    OwnProjects,
    SimulatedProject,
    Workspace,
)


NAMES = sorted(REGION)


@pytest.mark.parametrize("auth", [password_auth(), key_auth()])
@pytest.mark.slow
async def test_one_list_finds_the_projects_of_the_region(auth):
    """The whole account comes in one answer, and each project has one decision."""
    async with discovering(account(), auth, exclude=("*_sandbox",)) as found:
        selection = found.discovery.selection
        asked = [each.api for each in found.cloud.asked()]
        assert found.discovery.is_complete
        assert found.status.is_up
        assert found.status.operation is ListOperation.AUTH_PROJECTS

    assert [project.name for project in selection.projects] == [
        "eu-de",
        "eu-de_speech",
        "eu-de_vision",
    ]
    assert all(project.is_discovered for project in selection.projects)
    assert selection.counts("otc") == {
        Fate.COLLECTED: 3,
        Fate.CONFIGURED: 0,
        Fate.EXCLUDED: 1,
        Fate.OTHER_REGION: 6,
        Fate.DISABLED: 1,
        Fate.NAMELESS: 1,
        Fate.OVER_LIMIT: 0,
        Fate.CONFLICT: 0,
    }
    assert asked.count("auth_projects") == 1
    assert len(asked) <= 2
    assert found.reported == [selection]


@pytest.mark.slow
async def test_an_agency():
    """The instance's temporary keys sign the list, too."""
    cloud = account()
    async with discovering(
        cloud,
        change=lambda c: with_auth(c, EcsAgencyAuth(metadata_url=c.clouds[0].iam_url)),
    ) as found:
        assert found.status.is_up
        assert sorted(found.names) == NAMES


def with_auth(configured, auth):
    """Return the configuration with another credential of its cloud."""
    cloud = replace(configured.clouds[0], auth=auth)
    return replace(configured, clouds=(cloud,))


async def test_a_temporary_key_without_a_list_of_its_own():
    """The account's list is used if permitted; else the advice says what helps."""
    cloud = account()
    access = Access(own_projects=OwnProjects.EMPTY)
    cloud.identity.keys = [Key("AKCANARY", SECRET_KEY, SECURITY_TOKEN, access=access)]
    auth = AccessKeyAuth(
        access_key="AKCANARY",
        secret_key=Secret(SECRET_KEY),
        security_token=Secret(SECURITY_TOKEN),
    )
    async with discovering(cloud, auth) as found:
        assert found.status.operation is ListOperation.PROJECTS
        assert sorted(found.names) == NAMES
        access.lists_account = False
        await found.again()
        failure = found.status.failure

    assert failure.reason is Reason.PERMISSION
    assert "grant the agency iam:projects:listProjects" in failure.advice


async def test_projects_come_and_go():
    """A new project is collected at once; a missing one is dropped after two lists."""
    cloud = simulated(*REGION)
    async with discovering(cloud) as found:
        new = SimulatedProject("eu-de_new", f"{9:032x}")
        cloud.projects.append(new)
        gone = cloud.projects.pop(1)
        await found.again()
        assert set(found.names) == {*REGION, "eu-de_new"}
        await found.again()
        assert set(found.names) == {*REGION, "eu-de_new"} - {gone.name}
        new.iam_name = "eu-de_newer"
        await found.again()
        assert "eu-de_newer" in found.names
        assert "eu-de_new" not in found.names
        await found.again()

    assert len(found.reported) == 4


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(effect=Effect.STATUS, status=403, code="IAM.0003"), Reason.PERMISSION),
        (Fault(effect=Effect.STATUS, status=404, code="APIG.0101"), Reason.API),
        (Fault(effect=Effect.STATUS, status=401, code="APIG.0301"), "authentication"),
        (Fault(effect=Effect.HTML, status=200), Reason.RESPONSE),
        (Fault(effect=Effect.TRUNCATED), Reason.RESPONSE),
        (Fault(effect=Effect.OVERSIZED), Reason.RESPONSE),
        (Fault(effect=Effect.FIELDS, fields={"projects": "null"}), Reason.RESPONSE),
        (Fault(effect=Effect.FIELDS, without=["projects"]), Reason.RESPONSE),
        (Fault(effect=Effect.FIELDS, fields={"projects": "[]"}), Reason.RESPONSE),
        (Fault(effect=Effect.REDIRECT), Reason.RESPONSE),
    ],
    ids=["403", "404", "401", "html", "cut", "long", "null", "none", "empty", "302"],
)
@pytest.mark.slow
async def test_a_list_that_fails_keeps_the_last_one(fault, reason):
    """Failing lists change nothing; the status has the reason and the last success."""
    async with discovering(account()) as found:
        succeeded_at = found.status.succeeded_at
        with found.cloud.faults.on(
            *(
                replace_api(fault, api)
                for api in ("auth_projects", "projects", "user_projects")
            )
        ):
            assert await found.again() == 30
            await found.again()
            status = found.status
            assert sorted(found.names) == NAMES
        # The pause is a minute now, in two steps.
        await found.again()
        await found.again()

        assert status.failure.reason == reason
        assert status.succeeded_at == succeeded_at
        assert not status.is_up
        assert found.discovery.is_complete
        assert found.status.is_up
    assert len(found.reported) == 1


def replace_api(fault, api):
    """Return the fault for another API."""
    return Fault(
        effect=fault.effect,
        api=api,
        status=fault.status,
        code=fault.code,
        fields=fault.fields,
        without=fault.without,
    )


async def test_before_the_first_list_there_is_none():
    """No list is not an empty list: service discovery has to wait."""
    cloud = account()
    cloud.not_offered = {"auth_projects", "projects", "user_projects"}

    def change(configuration):
        (only,) = configuration.clouds
        mine = Project(name="mine", cloud=only, project_id=f"{1:032x}")
        return replace(configuration, projects=(mine,))

    async with discovering(cloud, change=change) as found:
        assert found.names == ["mine"]
        assert not found.discovery.is_complete
        assert not found.status.is_up
        cloud.not_offered = set()
        await found.again()
        assert found.discovery.is_complete
        assert sorted(found.names) == sorted(["mine", *REGION[1:]])


async def test_names_are_looked_up(logged):
    """A project configured by name gets its ID from the list, without discovery."""

    def change(configuration):
        only = replace(configuration.clouds[0], discovery=None)
        named = tuple(
            NamedProject(
                project_name=name, name=name, cloud=only, settings=ProjectSettings()
            )
            for name in ("eu-de_vision", "eu-de_visions")
        )
        return replace(configuration, clouds=(only,), named_projects=named)

    async with discovering(account(), change=change) as found:
        selection = found.discovery.selection
        log = "\n".join(logged())

    assert "project=eu-de_visions" in log
    assert "no such project" in log
    (vision,) = selection.projects
    assert (vision.name, vision.project_id) == ("eu-de_vision", f"{2:032x}")
    (missing,) = selection.missing
    assert missing.project.name == "eu-de_visions"
    assert missing.near_names[0] == "eu-de_vision"
    assert selection.decisions == {}


async def test_other_patterns_after_a_reload():
    """New patterns apply at once to the known projects, which are listed again."""
    async with discovering(account(), key_auth()) as found:
        only = replace(
            found.configuration.clouds[0], discovery=Discovery(include=("*_v*",))
        )
        changed = replace(found.configuration, clouds=(only,))
        assert found.client.cloud == only
        preview = found.discovery.selection_for(changed)
        found.discovery.configure(changed)

        assert found.names == ["eu-de_vision"]
        assert found.discovery.selection == preview
        await found.pauses.started()
        assert len(found.cloud.asked("auth_projects")) == 2
    assert len(found.reported) == 1


async def test_a_reload_without_discovery():
    """Without discovery, nothing is listed any more."""
    async with discovering(account(), key_auth()) as found:
        only = replace(found.configuration.clouds[0], discovery=None)
        found.discovery.configure(replace(found.configuration, clouds=(only,)))

        assert found.names == []
        assert found.discovery.statuses == {}
        assert found.discovery.is_complete


async def test_another_account_after_a_reload():
    """The known projects are dropped: they are another account's."""
    async with discovering(account(), key_auth()) as found:
        other = with_auth(
            found.configuration,
            AccessKeyAuth(access_key="OTHER", secret_key=Secret("other")),
        )

        assert found.discovery.selection_for(other).projects == ()
        assert not found.discovery.selection_for(other).decisions


async def test_a_wrong_password_is_sent_once(tmp_path):
    """Discovery and the projects share the lockout guard."""
    file = tmp_path / "password"
    file.write_text("wrong")
    cloud = account()
    auth = password_auth(Secret.from_file(file))
    async with discovering(cloud, auth) as found:
        assert found.status.failure.reason is Reason.AUTHENTICATION
        for _ in range(5):
            await found.again()
        assert cloud.identity.wrong_passwords == 1

        # A pause of minutes is interrupted every 30 s.
        file.write_text(PASSWORD)
        await found.again()
        assert found.status.is_up
        assert sorted(found.names) == NAMES
        assert cloud.identity.wrong_passwords == 1


async def test_the_token_is_renewed_when_permissions_change():
    """A change of permissions revokes the token; one login renews it."""
    cloud = account()
    async with discovering(cloud) as found:
        user = cloud.identity.users[0]
        user.access.projects = {f"{2:032x}"}
        cloud.identity.revoke_tokens(user)
        await found.again()
        await found.again()

        assert found.names == ["eu-de_vision"]
        assert cloud.identity.logins == 2


async def test_the_accounts_token_is_kept_when_projects_are_removed():
    """Removed projects take their own tokens with them, and no other."""
    cloud = account()
    async with discovering(cloud) as found:
        await found.client.retain(())
        await found.again()

        assert found.status.is_up
        assert cloud.identity.logins == 1


async def test_no_secret_is_logged(logged):
    """Passwords, keys and tokens are not logged, even if a gateway echoes them."""
    auth = AccessKeyAuth(
        access_key="AKCANARY",
        secret_key=Secret(SECRET_KEY),
        security_token=Secret(SECURITY_TOKEN),
    )
    cloud = account()
    cloud.identity.keys = [Key("AKCANARY", SECRET_KEY, SECURITY_TOKEN)]
    with cloud.faults.on(Fault(effect=Effect.ECHO, status=401)):
        async with discovering(cloud, auth) as found:
            status, discovery = found.status, found.discovery
    lines = "\n".join(logged())

    assert "projects cannot be listed" in lines
    for text in (lines, repr(status), repr(discovery.selection)):
        assert SECRET_KEY not in text
        assert SECURITY_TOKEN not in text


async def test_a_list_without_a_project_is_worth_a_warning(logged):
    """An empty list, as a user without roles gets, is logged as a warning."""
    cloud = account()
    cloud.identity.users[0].access.projects = set()
    async with discovering(cloud) as found:
        assert found.status.is_up
        assert found.discovery.is_complete
        assert found.names == []
    (line,) = [line for line in logged() if "the list has no project" in line]

    assert "level=warn" in line
    assert "a role" in line


async def test_a_failure_names_its_request(logged):
    """The failure names its request, for the cloud's support."""
    cloud = account()
    fault = Fault(effect=Effect.STATUS, status=400, code="IAM.0011")
    with cloud.faults.on(fault):
        async with discovering(cloud, key_auth()) as found:
            failure = found.status.failure
    (line,) = [line for line in logged() if "projects cannot be listed" in line]

    assert failure.path == "/v3/auth/projects"
    assert failure.request_id
    for text in ("method=GET", f"path={failure.path}", failure.request_id, "IAM.0011"):
        assert text in line


async def test_the_log_shows_what_changed(logged):
    """The log names new, removed and renamed projects: the first few of many."""
    cloud = simulated(*REGION)
    async with discovering(cloud) as found:
        first = "\n".join(logged())
        cloud.projects[1].iam_name = "eu-de_sight"
        await found.again()
        second = "\n".join(logged())

    assert 'added="eu-de, eu-de_sandbox, eu-de_speech, eu-de_vision"' in first
    assert "eu-de_vision -> eu-de_sight" in second


async def test_workspaces_are_projects_of_their_own():
    """The default one has the project's name; a list that fails keeps the last one."""
    cloud = simulated("eu-de_vision")
    workspaces = cloud.projects[0].workspaces.workspaces
    workspaces += [
        Workspace("a" * 32, "team-a"),
        Workspace("b" * 32, "team-b", status="DELETING"),
        Workspace("c" * 32, "broken", status="CREATE_FAILED"),
        Workspace("d" * 32, "closed", accessible=False),
    ]
    everything = ["eu-de_vision", "eu-de_vision/team-a", "eu-de_vision/team-b"]
    defaults = ProjectSettings(workspace_id="all")
    async with discovering(cloud, defaults=defaults) as found:
        projects = found.discovery.selection.projects
        assert found.names == everything
        with cloud.faults.on(Fault(effect=Effect.STATUS, status=403, api="workspaces")):
            await found.again()
        assert found.names == everything
        assert found.status.is_up
        cloud.projects[0].workspaces.enabled = False
        await found.again()
        assert found.names == ["eu-de_vision"]

    assert [project.workspace_id for project in projects] == ["0", "a" * 32, "b" * 32]
    assert {project.project_id for project in projects} == {f"{1:032x}"}


async def test_workspaces_of_a_configured_project():
    """Workspaces of a configured project need no list of projects."""
    cloud = simulated("vision")
    cloud.projects[0].workspaces.workspaces += [
        Workspace(f"{number:032x}", f"team-{number:02}") for number in range(1, 31)
    ]

    def change(configuration):
        only = replace(configuration.clouds[0], discovery=None)
        divided = Project(
            name="mine", cloud=only, project_id=f"{1:032x}", workspace_id="all"
        )
        return replace(configuration, clouds=(only,), divided_projects=(divided,))

    async with discovering(cloud, change=change) as found:
        names = found.names
        asked = {each.api for each in cloud.asked()}

    assert names == ["mine", *(f"mine/team-{number:02}" for number in range(1, 21))]
    assert asked == {"auth_tokens", "workspaces"}


@pytest.mark.slow
async def test_a_hanging_cloud_delays_the_start_only_briefly(monkeypatch):
    """A hanging cloud delays the start by at most ten seconds; closing cancels it."""
    for module in (cloud_discovery, project_discovery):
        monkeypatch.setattr(module, "FIRST_SECONDS", 0.05)
    cloud = account()
    with cloud.faults.on(Fault(effect=Effect.HANG)):
        async with discovering(cloud, key_auth()) as found:
            await found.discovery.first_lists()
            assert found.status.failure.reason is Reason.TIMEOUT
            under_way = asyncio.Event()
            cloud.before_answer = lambda *_: under_way.set()
            found.pauses.end()
            await under_way.wait()
            await found.discovery.aclose()
            assert found.discovery.statuses == {}


async def test_a_caller_that_fails_is_called_again(logged):
    """An unexpected error ends neither the refreshes nor the exporter."""
    async with discovering(simulated("eu-de")) as found:
        broken = [True]

        def report(selection):
            if broken:
                raise ZeroDivisionError
            found.reported.append(selection)

        found.report = report
        found.cloud.projects.append(SimulatedProject("eu-de_new", f"{9:032x}"))
        await found.again()
        assert not found.status.is_up
        assert "internal error" in "\n".join(logged())
        broken.clear()
        await found.again()
        assert found.names == ["eu-de", "eu-de_new"]
        assert found.status.is_up
