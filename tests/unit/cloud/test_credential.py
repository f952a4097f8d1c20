"""A cloud's credential: which requests share a token, and when it is dropped."""

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
    """Return a cloud with this credential."""
    return Cloud(
        name="otc",
        region="eu-de",
        iam_url="https://iam.example",
        modelarts_url="https://modelarts.example",
        auth=auth,
    )


OTC = cloud(key_auth())
A, B = (Project(name=name, cloud=OTC, project_id=f"id-{name}") for name in "ab")


class RecordingHandler:
    """A handler for `httpx.MockTransport` that records logins and other requests."""

    def __init__(self):
        self.logins = []
        self.requests = []
        self.rejects_logins = False
        self.rejects_tokens = False

    def __call__(self, request):
        """Answer a request."""
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


class Harness:
    """A credential, and the client it logs in with."""

    def __init__(self, auth, answer=None):
        self.handler = RecordingHandler()
        transport = httpx.MockTransport(answer or self.handler)
        self.client = httpx.AsyncClient(transport=transport)
        self.expiries = []
        self.credential = new_credential(
            cloud(auth),
            self.client,
            lambda: NOW,
            lambda project, expiry: self.expiries.append((project, expiry)),
        )

    async def get(self, project):
        """Send a request for a project, or for the account; return it."""
        await self.client.get(
            "https://modelarts.example/v1/things",
            auth=self.credential.auth_for(project),
            extensions=CONTEXT.extensions(),
        )
        return self.handler.requests[-1]

    async def aclose(self):
        """Close the credential and its client."""
        await self.credential.aclose()
        await self.client.aclose()


@pytest.fixture
async def password(tmp_path):
    """Return a harness with a password in a file."""
    path = tmp_path / "password"
    path.write_text("first")
    secret = Secret.from_file(path)
    stage = Harness(PasswordAuth(username="u", password=secret, domain="OTC1"))
    stage.path = path
    yield stage
    await stage.aclose()


@pytest.fixture
async def key():
    """Return a harness with an access key."""
    stage = Harness(key_auth())
    yield stage
    await stage.aclose()


def test_what_identifies_a_project():
    """The key has name and ID: after a reload, another project may have the name."""
    assert project_key(A) == ("a", "id-a")
    assert project_key(None) == ("", "")


async def test_each_project_has_a_token(password):
    """Each project is logged in to once, and so is the account."""
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
    assert password.handler.logins == ["id-a", "id-b", "account"]
    # The account has no metrics of its own.
    assert password.expiries == [("a", EXPIRY_TIME), ("b", EXPIRY_TIME)]
    assert password.credential.user_id == "u1"


async def test_tokens_of_removed_projects_are_dropped(password):
    """The tokens of retained projects and of the account are kept."""
    for project in (A, B, None):
        await password.get(project)
    await password.credential.retain([B])
    password.handler.logins.clear()
    for project in (A, B, None):
        await password.get(project)

    assert password.handler.logins == ["id-a"]


async def test_a_rejected_password_is_tried_once_more(password):
    """A rejected password is sent again after a reload, or when the file changes."""
    password.handler.rejects_logins = True
    for _ in range(2):
        with pytest.raises(CollectionError, match="401"):
            await password.get(A)
    assert len(password.handler.logins) == 1
    assert not await password.credential.is_changed()

    password.credential.try_again()
    with pytest.raises(CollectionError, match="401"):
        await password.get(A)
    assert len(password.handler.logins) == 2
    password.path.write_text("another")
    assert await password.credential.is_changed()


async def test_rejected_tokens_are_replaced_once_more(password):
    """A reload also ends the pause of paths that reject every token."""
    password.handler.rejects_tokens = True
    for _ in range(2):
        await password.get(A)
    assert len(password.handler.logins) == 2

    password.credential.try_again()
    await password.get(A)
    assert len(password.handler.logins) == 3


async def test_an_access_key(key):
    """The key signs for each project, and for the account without a project."""
    for project, scope in ((A, "id-a"), (B, "id-b"), (None, None)):
        request = await key.get(project)
        assert "Access=AKCANARY" in request.headers["Authorization"]
        assert request.headers.get("X-Project-Id") == scope
        assert request.headers["X-Sdk-Date"] == "20231114T221320Z"

    await key.credential.retain([A])
    assert key.credential.user_id == ""
    assert not await key.credential.is_changed()
    assert (key.handler.logins, key.expiries) == ([], [])


async def test_a_rejected_key_is_tried_once_more(key):
    """A rejected key is sent again only after a reload."""
    key.handler.rejects_tokens = True
    await key.get(A)
    with pytest.raises(CollectionError):
        await key.get(A)
    assert len(key.handler.requests) == 1

    key.credential.try_again()
    await key.get(A)
    assert len(key.handler.requests) == 2


class ExpiringKeys:
    """A source of keys that change, as an agency's do."""

    def __init__(self):
        self.name = "AK1"
        self.is_closed = False

    async def key(self):
        """Return the current key."""
        return AccessKey(self.name, "secret", "token", EXPIRY_TIME)

    async def aclose(self):
        """Record that it was closed."""
        self.is_closed = True


async def test_a_key_that_expires():
    """The key's expiry is reported for each project; a new key is a change."""
    source, expiries = ExpiringKeys(), []
    credential = KeyCredential(
        AccessKeys(source), lambda: NOW, lambda *expiry: expiries.append(expiry)
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
    """An agency's credential signs with its keys, and does not log in."""
    stage = Harness(EcsAgencyAuth(metadata_url="http://127.0.0.1:9"))

    assert isinstance(stage.credential, KeyCredential)
    await stage.aclose()


async def test_a_login_for_a_project_that_is_removed():
    """The login of a removed project is canceled."""
    events = []
    began = asyncio.Event()

    async def hang(request):
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            events.append("ended")

    auth = PasswordAuth(username="u", password=Secret("p"), domain="OTC1")
    stage = Harness(auth, hang)
    request = asyncio.create_task(stage.get(A))
    await began.wait()
    assert events == []
    await stage.credential.retain([B])

    assert events == ["ended"]
    with pytest.raises(CollectionError, match="closed while it waited"):
        await request
    await stage.aclose()
