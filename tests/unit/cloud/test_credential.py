"""A cloud's credential: whose requests share a token, and what is forgotten when."""

import asyncio
import json

import httpx
import pytest

from harness import key_auth

from exporter.cloud.auth.access_keys import AccessKey, AccessKeys
from exporter.cloud.auth.credential import KeyCredential, new_credential, project_key
from exporter.cloud.request_context import RequestContext
from exporter.config import Cloud, EcsAgencyAuth, PasswordAuth, Project, Secret
from exporter.errors import CollectionError


CONTEXT = RequestContext(operation="things", project="", action="see")
NOW = 1_700_000_000.0
EXPIRY = "2023-11-15T22:13:20Z"
EXPIRY_TIME = 1_700_086_400.0


def cloud(auth):
    """Return a cloud with that credential."""
    return Cloud(
        name="otc",
        region="eu-de",
        iam_url="https://iam.example",
        modelarts_url="https://modelarts.example",
        auth=auth,
    )


OTC = cloud(key_auth())
A, B = (Project(name=name, cloud=OTC, project_id=f"id-{name}") for name in "ab")


class Wire:
    """Answers logins and requests, and remembers them."""

    def __init__(self):
        self.logins = []
        self.requests = []
        self.rejects_logins = False
        self.rejects_tokens = False

    def __call__(self, request):
        """Answer."""
        if request.url.path != "/v3/auth/tokens":
            self.requests.append(request)
            return httpx.Response(401 if self.rejects_tokens else 200, json={})
        scope = json.loads(request.content)["auth"]["scope"]
        self.logins.append(scope.get("project", {}).get("id", "account"))
        if self.rejects_logins:
            return httpx.Response(401, json={})
        answer = {"token": {"expires_at": EXPIRY, "user": {"id": "u1"}}}
        headers = {"X-Subject-Token": f"token of {self.logins[-1]}".replace(" ", "-")}
        return httpx.Response(201, json=answer, headers=headers)


class Stage:
    """A credential, and the client that it logs in with."""

    def __init__(self, auth, answer=None):
        self.wire = Wire()
        transport = httpx.MockTransport(answer or self.wire)
        self.client = httpx.AsyncClient(transport=transport)
        self.expiries = []
        self.credential = new_credential(
            cloud(auth),
            self.client,
            lambda: NOW,
            lambda project, expiry: self.expiries.append((project, expiry)),
        )

    async def get(self, project):
        """Send a request of a project, or of the account; return it."""
        await self.client.get(
            "https://modelarts.example/v1/things",
            auth=self.credential.auth_for(project),
            extensions=CONTEXT.extensions(),
        )
        return self.wire.requests[-1]

    async def aclose(self):
        """Close everything."""
        await self.credential.aclose()
        await self.client.aclose()


@pytest.fixture
async def password(tmp_path):
    """Return a stage with a password in a file."""
    path = tmp_path / "password"
    path.write_text("first")
    secret = Secret.from_file(path)
    stage = Stage(PasswordAuth(username="u", password=secret, domain="OTC1"))
    stage.path = path
    yield stage
    await stage.aclose()


@pytest.fixture
async def key():
    """Return a stage with an access key."""
    stage = Stage(key_auth())
    yield stage
    await stage.aclose()


def test_what_identifies_a_project():
    """Name and ID: after a reload, the name may be another project's."""
    assert project_key(A) == ("a", "id-a")
    assert project_key(None) == ("", "")


async def test_each_project_has_a_token(password):
    """It is logged in to once; the account has a token of its own."""
    assert password.credential.user_id == ""
    tokens = [
        (await password.get(project)).headers["X-Auth-Token"]
        for project in (A, A, B, None, None, A)
    ]

    assert tokens == [
        "token-of-id-a",
        "token-of-id-a",
        "token-of-id-b",
        "token-of-account",
        "token-of-account",
        "token-of-id-a",
    ]
    assert password.wire.logins == ["id-a", "id-b", "account"]
    # The account is no project of the metrics.
    assert password.expiries == [("a", EXPIRY_TIME), ("b", EXPIRY_TIME)]
    assert password.credential.user_id == "u1"


async def test_tokens_of_other_projects_are_forgotten(password):
    """Those of the projects that are collected stay, and the account's."""
    for project in (A, B, None):
        await password.get(project)
    await password.credential.retain([B])
    password.wire.logins.clear()
    for project in (A, B, None):
        await password.get(project)

    assert password.wire.logins == ["id-a"]


async def test_a_rejected_password_is_tried_once_more(password):
    """After a reload; without one it rests. A change of the file is seen."""
    password.wire.rejects_logins = True
    for _ in range(2):
        with pytest.raises(CollectionError, match="401"):
            await password.get(A)
    assert len(password.wire.logins) == 1
    assert not await password.credential.is_changed()

    password.credential.try_again()
    with pytest.raises(CollectionError, match="401"):
        await password.get(A)
    assert len(password.wire.logins) == 2
    password.path.write_text("another")
    assert await password.credential.is_changed()


async def test_rejected_tokens_are_replaced_once_more(password):
    """A reload also ends the rest of paths that reject every token."""
    password.wire.rejects_tokens = True
    for _ in range(2):
        await password.get(A)
    assert len(password.wire.logins) == 2

    password.credential.try_again()
    await password.get(A)
    assert len(password.wire.logins) == 3


async def test_an_access_key(key):
    """It signs for each project, and for the account without one."""
    for project, scope in ((A, "id-a"), (B, "id-b"), (None, None)):
        request = await key.get(project)
        assert "Access=AKCANARY" in request.headers["Authorization"]
        assert request.headers.get("X-Project-Id") == scope
        assert request.headers["X-Sdk-Date"] == "20231114T221320Z"

    await key.credential.retain([A])
    assert key.credential.user_id == ""
    assert not await key.credential.is_changed()
    assert (key.wire.logins, key.expiries) == ([], [])


async def test_a_rejected_key_is_tried_once_more(key):
    """After a reload; without one it is not sent again."""
    key.wire.rejects_tokens = True
    await key.get(A)
    with pytest.raises(CollectionError):
        await key.get(A)
    assert len(key.wire.requests) == 1

    key.credential.try_again()
    await key.get(A)
    assert len(key.wire.requests) == 2


class Expiring:
    """Keys that change, such as an agency's."""

    def __init__(self):
        self.name = "AK1"
        self.is_closed = False

    async def key(self):
        """Return the key."""
        return AccessKey(self.name, "secret", "token", EXPIRY_TIME)

    async def aclose(self):
        """Remember it."""
        self.is_closed = True


async def test_a_key_that_expires():
    """Its end is told for each project that used it, and its change is seen."""
    source, expiries = Expiring(), []
    credential = KeyCredential(
        AccessKeys(source), lambda: NOW, lambda *told: expiries.append(told)
    )
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={}))
    async with httpx.AsyncClient(transport=transport) as client:
        for project in (A, None, B):
            url = "https://modelarts.example/v1/things"
            await client.get(url, auth=credential.auth_for(project))
    assert expiries == [("a", EXPIRY_TIME), ("b", EXPIRY_TIME)]

    source.name = "AK2"
    assert await credential.is_changed()
    await credential.aclose()
    assert source.is_closed


async def test_an_agency_has_keys():
    """Its credential signs with them, and logs in nowhere."""
    stage = Stage(EcsAgencyAuth(metadata_url="http://127.0.0.1:9"))

    assert isinstance(stage.credential, KeyCredential)
    await stage.aclose()


async def test_a_login_for_a_project_that_is_forgotten():
    """It is canceled, though nobody else would end it."""
    events = []
    began = asyncio.Event()

    async def hang(request):
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            events.append("ended")

    auth = PasswordAuth(username="u", password=Secret("p"), domain="OTC1")
    stage = Stage(auth, hang)
    request = asyncio.create_task(stage.get(A))
    await began.wait()
    assert events == []
    await stage.credential.retain([B])

    assert events == ["ended"]
    with pytest.raises(CollectionError, match="closed while it waited"):
        await request
    await stage.aclose()
