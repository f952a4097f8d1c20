"""Which calls list a credential's projects, and how their answers are read."""

import contextlib
import json
import time

import pytest

from harness import SECURITY_TOKEN, key_auth, password_auth
from raw_cloud import http, raw_cloud

from exporter.cloud.client import CloudClient
from exporter.cloud.discovery.project_list import ListOperation, ProjectLister
from exporter.cloud.discovery.project_rows import ListedProject
from exporter.cloud.response_memory import ResponseMemory
from exporter.cloud.scheduler import RequestScheduler
from exporter.config import AccessKeyAuth, Cloud, Secret
from exporter.deadline import Deadline
from exporter.errors import CollectionError, Reason
from exporter.metrics.telemetry import Telemetry


TOKEN = http(
    json.dumps(
        {"token": {"expires_at": "2099-01-01T00:00:00Z", "user": {"id": "u1"}}}
    ).encode(),
    b"X-Subject-Token: token",
)
DENIED = http(b'{"error_code": "IAM.0003"}', status=b"403 Forbidden")
UNKNOWN = http(b'{"error_code": "APIGW.0101"}', status=b"404 Not Found")
EMPTY = http(b'{"projects": []}')
KEY = key_auth()
TEMPORARY_KEY = AccessKeyAuth(
    access_key="AKCANARY", secret_key=Secret("s"), security_token=Secret(SECURITY_TOKEN)
)


def row(number, name="eu-de", **fields):
    """Return a row as IAM writes it."""
    return {
        "id": f"{number:032x}",
        "name": name,
        "domain_id": "d",
        "parent_id": "d",
        "enabled": True,
        "is_domain": False,
        "description": "",
        "links": {"self": "None/v3/projects/1"},
        **fields,
    }


def listing(*rows):
    """Return the response that lists these rows."""
    links = {"self": "None/v3/auth/projects", "next": "http://127.0.0.1:1/v3/projects"}
    return http(json.dumps({"links": links, "projects": rows}).encode())


VISION = listing(row(1, "eu-de_vision"))


@contextlib.asynccontextmanager
async def lister_at(cloud, auth):
    """Yield the lister for a credential at a cloud."""
    configured = Cloud(
        name="otc",
        region="eu-de",
        iam_url=cloud.url,
        modelarts_url=cloud.url,
        auth=auth,
    )
    client = CloudClient(
        configured, RequestScheduler(8), Telemetry(), ResponseMemory(), clock=time.time
    )
    try:
        yield ProjectLister(client)
    finally:
        await client.aclose()


async def listed(answers, auth=KEY, times=1, names=()):
    """Return the list made from these answers, and the paths that were requested."""
    async with (
        raw_cloud(answers, token=TOKEN) as cloud,
        lister_at(cloud, auth) as lister,
    ):
        for _ in range(times):
            found = await lister.list_projects(Deadline(5), names)
    return found, [head.split(" ")[1] for head in cloud.heads]


async def failure_of(answers, auth=KEY, names=()):
    """Return the failure that these answers lead to."""
    async with (
        raw_cloud(answers, token=TOKEN) as cloud,
        lister_at(cloud, auth) as lister,
    ):
        with pytest.raises(CollectionError) as error:
            await lister.list_projects(Deadline(5), names)
    return error.value.failure


async def test_one_request_without_a_scope_lists_everything():
    """A key asks for its own projects of all regions; links are not followed."""
    answers = {
        "/v3/auth/projects": listing(
            row(2, "eu-nl"), row(1, "eu-de_vision"), row(3, "MOS", enabled=False)
        )
    }
    async with raw_cloud(answers) as cloud, lister_at(cloud, KEY) as lister:
        found = await lister.list_projects(Deadline(5))

    assert found.operation is ListOperation.AUTH_PROJECTS
    assert found.projects == (
        ListedProject("MOS", f"{3:032x}", is_enabled=False),
        ListedProject("eu-de_vision", f"{1:032x}"),
        ListedProject("eu-nl", f"{2:032x}"),
    )
    (head,) = cloud.heads
    assert "SignedHeaders=host;x-sdk-date," in head
    assert "x-project-id" not in head.lower()


async def test_a_password_asks_with_a_token_of_the_account():
    """The account is logged in to once, and its token serves until it expires."""
    found, paths = await listed({"/v3/auth/projects": VISION}, password_auth(), 3)

    assert [project.name for project in found.projects] == ["eu-de_vision"]
    assert paths == ["/v3/auth/tokens?nocatalog=true", *["/v3/auth/projects"] * 3]


@pytest.mark.parametrize(
    "denial",
    [
        DENIED,
        UNKNOWN,
        http(b"", status=b"405 Method Not Allowed"),
        http(b'{"error_code": "IAM.0064"}', status=b"401 Unauthorized"),
    ],
)
async def test_a_users_own_list_comes_before_the_accounts(denial):
    """The user's own list has no projects to which a login would fail."""
    answers = {"/v3/auth/projects": denial, "/v3/users/u1/projects": VISION}

    found, paths = await listed(answers, password_auth(), 2)

    assert found.operation is ListOperation.USER_PROJECTS
    assert paths[1:] == [
        "/v3/auth/projects",
        "/v3/users/u1/projects",
        "/v3/users/u1/projects",
    ]


async def test_a_key_falls_back_to_the_accounts_list():
    """The call that works is sent first from then on."""
    answers = {"/v3/auth/projects": DENIED, "/v3/projects": VISION}

    found, paths = await listed(answers, KEY, 2)

    assert found.operation is ListOperation.PROJECTS
    assert paths == ["/v3/auth/projects", "/v3/projects", "/v3/projects"]


async def test_a_call_that_no_longer_works_is_replaced():
    """When the working call fails, all calls are tried again."""
    answers = {"/v3/auth/projects": DENIED, "/v3/projects": VISION}
    async with raw_cloud(answers) as cloud, lister_at(cloud, KEY) as lister:
        await lister.list_projects(Deadline(5))
        cloud.answers.update({"/v3/auth/projects": VISION, "/v3/projects": DENIED})
        found = await lister.list_projects(Deadline(5))

    assert found.operation is ListOperation.AUTH_PROJECTS


async def test_an_empty_list_of_an_agency_is_not_trusted():
    """The call is documented for users, so an agency may get an empty list from it."""
    answers = {"/v3/auth/projects": EMPTY, "/v3/projects": VISION}

    found, _ = await listed(answers, TEMPORARY_KEY)
    failure = await failure_of({**answers, "/v3/projects": DENIED}, TEMPORARY_KEY)

    assert found.operation is ListOperation.PROJECTS
    assert failure.reason is Reason.PERMISSION
    assert "grant the agency iam:projects:listProjects" in failure.advice


async def test_an_empty_list_of_a_user_is_trusted():
    """A user without any role has no projects."""
    found, paths = await listed({"/v3/auth/projects": EMPTY})

    assert found.projects == ()
    assert paths == ["/v3/auth/projects"]


async def test_no_call_is_permitted():
    """If no call is permitted, the failure says what to do."""
    failure = await failure_of({"/v3/": DENIED})

    assert failure.reason is Reason.PERMISSION
    assert failure.operation == "projects"
    assert failure.error_code == "IAM.0003"
    assert failure.advice == (
        "list the projects in the configuration, or grant the exporter's user "
        "iam:projects:listProjects"
    )


async def test_names_are_looked_up_one_by_one_without_permission_to_list():
    """Names are compared again, since the call may answer with other projects."""
    answers = {
        "/v3/projects?name=eu-de_vision": listing(
            row(1, "eu-de_vision"), row(2, "eu-de_vision2")
        ),
        "/v3/": DENIED,
    }

    found, paths = await listed(answers, names=("eu-de_vision",))

    assert [project.name for project in found.projects] == ["eu-de_vision"]
    assert paths[-1] == "/v3/projects?name=eu-de_vision"
    failure = await failure_of({"/v3/": DENIED}, names=("eu-de_vision",))
    assert failure.reason is Reason.PERMISSION


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (b"401 Unauthorized", b'{"error_code": "APIGW.0301"}', Reason.AUTHENTICATION),
        (b"302 Found", b"", Reason.RESPONSE),
        (b"400 Bad Request", b'{"error_code": "IAM.0011"}', Reason.API),
    ],
)
async def test_other_failures_have_no_fallback(status, body, reason):
    """Other failures have no fallback: another call would fail the same way."""
    answers = {"/v3/auth/projects": http(body, status=status), "/v3/projects": VISION}

    failure = await failure_of(answers)

    assert (failure.reason, failure.operation) == (reason, "auth_projects")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"<html>", "malformed"),
        (b"{}", "required field `projects`"),
        (b'{"projects": null}', "null"),
        (b'{"projects": {}}', "object"),
        (b'{"projects": [{"id": "a"}, ', "truncated"),
        (b'{"projects": [{"name": "eu-de"}]}', "with an ID"),
        (json.dumps({"projects": [row(1)] * 10_001}).encode(), "more than 10,000"),
    ],
)
async def test_answers_that_are_no_list(body, problem):
    """An answer that is no list is a failure, not a shorter list."""
    failure = await failure_of({"/v3/auth/projects": http(body)})

    assert failure.reason is Reason.RESPONSE
    assert problem in failure.problem
    assert "iam_url" in failure.advice


@pytest.mark.slow
async def test_a_list_that_is_too_large():
    """No more than eight MiB are read."""
    rows = [row(number, description="x" * 2000) for number in range(5000)]
    failure = await failure_of({"/v3/auth/projects": listing(*rows)})

    assert failure.reason is Reason.RESPONSE
    assert "8192 KiB" in failure.problem


@pytest.mark.slow
async def test_ten_thousand_projects():
    """The largest list that is accepted has 10,000 projects."""
    rows = [row(number, f"eu-de_{number}") for number in range(10_000)]

    found, _ = await listed({"/v3/auth/projects": listing(*rows)})

    assert len(found.projects) == 10_000


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": ""}, ListedProject("", f"{1:032x}")),
        ({"name": 1500365963661574434}, ListedProject("", f"{1:032x}")),
        ({"name": None}, ListedProject("", f"{1:032x}")),
        ({"name": "eu-de\nx"}, ListedProject("", f"{1:032x}")),
        ({"name": "x" * 257}, ListedProject("", f"{1:032x}")),
        ({"enabled": None}, ListedProject("eu-de", f"{1:032x}")),
        ({"more": [{}]}, ListedProject("eu-de", f"{1:032x}")),
        ({"is_domain": True}, None),
        ({"id": None}, None),
        ({"id": 7}, None),
        ({"id": "../../v3/users"}, None),
        ({"id": ""}, None),
    ],
)
async def test_odd_rows(fields, expected):
    """An odd row affects only itself: it has no name, or is left out."""
    rows = [row(1) | fields, row(2, "eu-de_vision")]

    found, _ = await listed({"/v3/auth/projects": listing(*rows)})

    vision = ListedProject("eu-de_vision", f"{2:032x}")
    assert found.projects == ((expected, vision) if expected else (vision,))


async def test_an_id_that_is_listed_twice():
    """An ID that is listed twice is one project, from the row with more information."""
    rows = [row(1, "eu-de_vision"), row(1, ""), row(1, "eu-de_vision", enabled=False)]

    found, _ = await listed({"/v3/auth/projects": listing(*rows)})

    assert found.projects == (ListedProject("eu-de_vision", f"{1:032x}"),)


@pytest.mark.parametrize(
    ("name", "region", "expected"),
    [
        ("eu-de", "eu-de", True),
        ("eu-de_vision", "eu-de", True),
        ("eu-de1_x", "eu-de", False),
        ("eu-west-101", "eu-west-1", False),
        ("EU-DE_x", "eu-de", False),
        ("MOS", "eu-de", False),
        ("", "eu-de", False),
    ],
)
def test_which_names_belong_to_a_region(name, region, expected):
    """The underscore matters: one region's name may begin with another's."""
    assert ListedProject(name, "1").is_in(region) is expected
