"""The simulated IAM lists projects as its reference says, with configurable faults."""

import asyncio
import re

import pytest

from harness import SECRET_KEY, simulated
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkiam.v3 import (
    KeystoneListAuthDomainsRequest,
    KeystoneListAuthProjectsRequest,
    KeystoneListProjectsForUserRequest,
    KeystoneListProjectsRequest,
)
from huaweicloudsdkmodelarts.v1 import ListWorkspaceRequest
from simulator_client import connected, iam_sdk, log_in, modelarts_sdk

from exporter.simulator import (
    Dialect,
    Effect,
    Fault,
    OwnProjects,
    RequestIds,
    SimulatedProject,
    Workspace,
    other_projects,
)


REGION = ("eu-de", "eu-de_vision", "eu-de_speech", "eu-de_sandbox")


def account():
    """Return a cloud with a region's projects, and others of the account."""
    cloud = simulated(*REGION)
    cloud.project_lists.others = [
        other for other in other_projects() if other.name != "eu-de"
    ]
    return cloud


def access_of(cloud):
    """Return the user's permissions."""
    return cloud.identity.users[0].access


async def names(client, path="/v3/auth/projects", **query):
    """Return the names on a list."""
    answer = await client.get(path, params=query)
    assert answer.status_code == 200
    return [row["name"] for row in answer.json()["projects"]]


def signed(path, headers=(), access_key="AKCANARY", secret_key=SECRET_KEY, token=None):
    """Return the headers of a request that the official SDK has signed."""
    credentials = BasicCredentials(access_key, secret_key, None)
    if token is not None:
        credentials.with_security_token(token)
    request = SdkRequest(
        method="GET",
        schema="http",
        host="cloud",
        resource_path=path,
        query_params=[],
        header_params=dict(headers),
        body="",
    )
    return dict(credentials.sign_request(request).header_params)


async def test_the_list_has_every_project_with_a_role():
    """All regions, odd names and disabled projects are in one answer."""
    cloud = account()
    async with connected(cloud) as client:
        everything = await names(client)
        access_of(cloud).projects = {cloud.projects[1].project_id}
        own, whole = await names(client), await names(client, "/v3/projects")
        rows = (await client.get("/v3/projects")).json()["projects"]

    assert everything[:4] == list(REGION)
    assert {"MOS", "", "eu-nl_vision", "eu-de1_vision"} <= set(everything)
    assert own == ["eu-de_vision"]
    assert whole == everything
    by_name = {row["name"]: row for row in rows}
    assert by_name["eu-de_vision"]["parent_id"] == by_name["eu-de"]["id"]
    assert by_name["eu-de"]["parent_id"] == by_name["eu-de"]["domain_id"]
    assert not by_name["eu-de_closed"]["enabled"]


@pytest.mark.slow
async def test_the_list_of_the_account_is_filtered_and_paged():
    """Filters match whole names; a page needs both its number and its size."""
    cloud = account()
    parent = cloud.projects[0].project_id
    async with connected(cloud) as client:
        whole = await names(client, "/v3/projects")
        assert await names(client, "/v3/projects", name="eu-de") == ["eu-de"]
        assert await names(client, "/v3/projects", enabled="false") == ["eu-de_closed"]
        assert set(REGION[1:]) < set(
            await names(client, "/v3/projects", parent_id=parent)
        )
        paged = []
        for page in range(1, 6):
            paged += await names(client, "/v3/projects", page=page, per_page=3)
        half = await client.get("/v3/projects", params={"page": 1})
        cloud.project_lists.largest_page = 2
        cut = await names(client, "/v3/projects", page=2, per_page=100)
        cloud.project_lists.repeats_first_page = True
        repeated = await names(client, "/v3/projects", page=2, per_page=100)

    assert paged == whole
    assert half.status_code == 400
    assert (cut, repeated) == (whole[2:4], whole[:2])


@pytest.mark.slow
async def test_what_a_credential_may_not_list():
    """Without permission, the account's and other users' lists are denied."""
    cloud = account()
    access_of(cloud).lists_account = False
    own = f"/v3/users/{access_of(cloud).user_id}/projects"
    async with connected(cloud) as client:
        assert await names(client, own) == await names(client)
        for path in ("/v3/projects", "/v3/users/somebody/projects"):
            denied = await client.get(path)
            assert denied.status_code == 403
            assert denied.json()["error"]["code"] == 403
        cloud.dialect = Dialect(iam_codes=True)
        assert (await client.get("/v3/projects")).json()["error_code"] == "IAM.0003"
        access_of(cloud).own_projects = OwnProjects.EMPTY
        assert await names(client) == []
        access_of(cloud).own_projects = OwnProjects.DENIED
        assert (await client.get("/v3/auth/projects")).status_code == 403


@pytest.mark.parametrize("scope_headers", [{}, {"X-Project-Id": f"{1:032x}"}])
async def test_signed_requests_need_no_scope(scope_headers):
    """IAM accepts a signature with and without a scope; ModelArts needs a project."""
    cloud = account()
    path = f"/v1/{1:032x}/training-jobs"
    async with connected(cloud) as client:
        del client.headers["X-Auth-Token"]
        listed = await client.get(
            "/v3/auth/projects", headers=signed("/v3/auth/projects", scope_headers)
        )
        right = await client.get(path, headers=signed(path, scope_headers))
        headers = {"X-Domain-Id": cloud.identity.account_id, **scope_headers}
        wrong = await client.get(path, headers=signed(path, headers))

    assert (listed.status_code, right.status_code) == (200, 200)
    assert wrong.status_code == 400


@pytest.mark.parametrize(
    ("scope", "scoped_to"),
    [
        (None, "domain"),
        ({"domain": {"name": "OTC1"}}, "domain"),
        ({"domain": {"id": "398998b5392f4150ad48fe456d6de4f1"}}, "domain"),
        ({"project": {"name": "eu-de_vision"}}, "project"),
        ({"project": {"id": f"{2:032x}"}, "domain": {"name": "OTC1"}}, "project"),
    ],
    ids=str,
)
async def test_scopes_of_logins(scope, scoped_to):
    """Without a scope, a token is the account's; with both scopes, the project's."""
    cloud = account()
    cloud.identity.users[0].password_expires_at = "2026-12-24T18:00:00.000000"
    async with connected(cloud, scope) as client:
        token = (await log_in(client, scope)).json()["token"]
        lists = await client.get("/v3/auth/projects")
        jobs = await client.get(f"/v1/{2:032x}/training-jobs")

    assert {"domain", "project"} & token.keys() == {scoped_to}
    assert token["user"]["id"] == access_of(cloud).user_id
    assert token["user"]["password_expires_at"] == "2026-12-24T18:00:00.000000"
    assert lists.status_code == 200
    assert jobs.status_code == (200 if scoped_to == "project" else 403)


@pytest.mark.parametrize("counts", [True, False])
async def test_a_login_to_a_project_without_a_role(counts):
    """The login is rejected like a wrong password, and may count as one."""
    cloud = account()
    cloud.identity.refused_scope_counts = counts
    access_of(cloud).projects = {f"{1:032x}"}
    async with connected(cloud) as client:
        rejected = await log_in(client, {"project": {"id": f"{2:032x}"}})

    assert rejected.status_code == 401
    assert cloud.identity.wrong_passwords == int(counts)


async def test_projects_change_while_it_runs():
    """Projects are created, renamed, disabled, deleted and created again."""
    cloud = account()
    cloud.project_lists.others = []
    first, *_ = cloud.projects
    async with connected(cloud) as client:
        cloud.projects.append(SimulatedProject("eu-de_new", f"{9:032x}"))
        first.iam_name = "eu-de_renamed"
        found = await names(client)
        cloud.projects.pop()
        cloud.projects.append(SimulatedProject("eu-de_new", f"{10:032x}"))
        again = (await client.get("/v3/auth/projects")).json()["projects"][-1]
        cloud.identity.revoke_tokens(cloud.identity.users[0])
        revoked = await client.get("/v3/auth/projects")

    assert found == ["eu-de_renamed", *REGION[1:], "eu-de_new"]
    assert again["id"] == f"{10:032x}"
    assert revoked.status_code == 401


async def test_a_suspended_project_looks_enabled():
    """IAM lists it as enabled; ModelArts denies it."""
    cloud = account()
    cloud.projects[1].suspended = True
    async with connected(cloud, {"project": {"id": f"{2:032x}"}}) as client:
        row = (await client.get("/v3/auth/projects")).json()["projects"][1]
        jobs = await client.get(f"/v1/{2:032x}/training-jobs")

    assert row["enabled"]
    assert jobs.status_code == 403


async def test_odd_rows_are_listed_as_they_are():
    """Rows that are not as documented are on every list."""
    cloud = account()
    odd = [{"id": "x", "name": 5}, {"name": "eu-de_x"}, {"is_domain": True, "new": []}]
    cloud.project_lists.rows = odd
    cloud.project_lists.next_link = "https://example.com/v3/auth/projects?page=2"
    async with connected(cloud) as client:
        answer = (await client.get("/v3/auth/projects")).json()

    assert answer["projects"][-3:] == odd
    assert answer["links"]["next"] == "https://example.com/v3/auth/projects?page=2"


async def test_every_response_has_a_request_id_of_its_own():
    """IAM also sends a trace ID; the gateway's errors have the ID in the body, too."""
    cloud = account()
    async with connected(cloud) as client:
        good = await client.get("/v3/auth/projects")
        client.headers["X-Auth-Token"] = "unknown"
        bad = [await client.get("/v3/auth/projects") for _ in range(2)]
        cloud.dialect = Dialect(gateway="APIGW", request_ids=RequestIds.NONE)
        none = await client.get("/v3/auth/projects")
        cloud.dialect = Dialect(request_ids=RequestIds.OVERLONG)
        overlong = await client.get("/v3/auth/projects")
        cloud.dialect = Dialect(request_ids=RequestIds.LINE_BREAK)
        broken = await client.get("/v3/auth/projects")

    ids = [answer.headers["X-Request-Id"] for answer in (good, *bad)]
    assert len(set(ids)) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", found) for found in ids)
    assert [answer.json()["request_id"] for answer in bad] == ids[1:]
    assert good.headers["X-IAM-Trace-Id"].startswith("token_global_null_")
    assert not {"x-request-id", "x-iam-trace-id"} & none.headers.keys()
    assert none.json().keys() == {"error_code", "error_msg"}
    assert none.json()["error_code"] == "APIGW.0301"
    assert len(overlong.headers["X-Request-Id"]) > 1000
    assert "\n" in broken.json()["request_id"]
    assert "x-request-id" not in broken.headers


async def test_errors_that_echo_what_was_signed():
    """The text has the access key and each signed header, with the security token."""
    cloud = account()
    path = "/v3/auth/projects"
    async with connected(cloud) as client:
        del client.headers["X-Auth-Token"]
        headers = signed(path, token="canary-token")
        with cloud.faults.on(Fault(effect=Effect.ECHO, status=401)):
            answer = await client.get(path, headers=headers)

    assert answer.status_code == 401
    assert "AKCANARY" in answer.text
    assert "canary-token" in answer.text


async def test_a_cloud_without_an_api():
    """What is not offered is the gateway's 404, for IAM as for ModelArts."""
    cloud = account()
    cloud.not_offered = {"auth_projects", "workspaces"}
    async with connected(cloud, {"project": {"id": f"{1:032x}"}}) as client:
        answers = [
            await client.get(path)
            for path in ("/v3/auth/projects", f"/v1/{1:032x}/workspaces")
        ]

    assert {answer.status_code for answer in answers} == {404}
    assert {answer.json()["error_code"] for answer in answers} == {"APIG.0101"}


@pytest.mark.parametrize("own_projects", OwnProjects)
@pytest.mark.slow
async def test_what_an_agency_may_list(own_projects):
    """An agency's own list has rows, none, or is denied: it is documented for users."""
    cloud = account()
    cloud.metadata.access.projects = {f"{2:032x}"}
    cloud.metadata.access.own_projects = own_projects
    async with connected(cloud) as client:
        del client.headers["X-Auth-Token"]
        session = (await client.put("/meta-data/latest/api/token")).text
        found = await client.get(
            "/openstack/latest/securitykey", headers={"X-Metadata-Token": session}
        )
        key = found.json()["credential"]
        path = "/v3/auth/projects"
        headers = signed(
            path,
            access_key=key["access"],
            secret_key=key["secret"],
            token=key["securitytoken"],
        )
        answer = await client.get(path, headers=headers)

    if own_projects is OwnProjects.DENIED:
        assert answer.status_code == 403
    else:
        rows = answer.json()["projects"]
        expected = ["eu-de_vision"] if own_projects is OwnProjects.LISTED else []
        assert [row["name"] for row in rows] == expected


@pytest.mark.slow
async def test_the_official_sdk_lists_the_same_projects():
    """The official SDK reads the lists of projects and accounts."""
    cloud = account()
    key = cloud.identity.keys[0]
    async with connected(cloud) as client:
        expected = await names(client)
        sdk = iam_sdk(client.base_url, cloud.identity.account_id)

        def ask():
            user = KeystoneListProjectsForUserRequest(user_id=key.access.user_id)
            return (
                sdk.keystone_list_auth_projects(KeystoneListAuthProjectsRequest()),
                sdk.keystone_list_projects(
                    KeystoneListProjectsRequest(page=1, per_page=5000)
                ),
                sdk.keystone_list_projects_for_user(user),
                sdk.keystone_list_auth_domains(KeystoneListAuthDomainsRequest()),
            )

        *lists, domains = await asyncio.to_thread(ask)

    for answer in lists:
        assert [project.name for project in answer.projects] == expected
    assert domains.domains[0].id == cloud.identity.account_id


@pytest.mark.slow
async def test_workspaces():
    """The SDK lists a project's workspaces; the plain API fails as documented."""
    cloud = account()
    found = cloud.projects[0].workspaces
    found.workspaces += [
        Workspace(f"{7:032x}", "a-team"),
        Workspace(f"{8:032x}", "closed", accessible=False),
    ]
    path = f"/v1/{1:032x}/workspaces"
    async with connected(cloud, {"project": {"id": f"{1:032x}"}}) as client:
        sdk = modelarts_sdk(client.base_url, f"{1:032x}")

        def ids(**query):
            answer = sdk.list_workspace(ListWorkspaceRequest(**query))
            return [row.id for row in answer.workspaces]

        everything = await asyncio.to_thread(ids)
        query = {"filter_accessible": True, "sort_by": "name", "order": "asc"}
        accessible = await asyncio.to_thread(lambda: ids(**query))
        second = await asyncio.to_thread(lambda: ids(limit=1, offset=1, **query))
        found.ignores_accessible = True
        ignored = await asyncio.to_thread(lambda: ids(**query))
        found.enabled = False
        disabled = await client.get(path)

    assert everything == ["0", f"{8:032x}", f"{7:032x}"]
    assert accessible == [f"{7:032x}", "0"]
    assert second == ["0"]
    assert len(ignored) == 3
    assert (disabled.status_code, disabled.json()["error_code"]) == (
        400,
        "ModelArts.7002",
    )
