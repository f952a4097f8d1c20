"""The login request to IAM, and how its answers are read."""

import json

from datetime import datetime

import httpx
import pytest
import respx

from exporter.cloud.auth import TokenAuth, TokenIssuer
from exporter.cloud.auth.tokens import Token
from exporter.cloud.request_context import RequestContext, context_of
from exporter.config import PasswordAuth, Secret
from exporter.errors import CollectionError, Failure, Reason


IAM = "https://iam.eu-de.otc.t-systems.com"
API = "https://modelarts.eu-de.otc.t-systems.com/v1/p1/training-jobs"
NOW = 1_700_000_000.0
CONTEXT = RequestContext(operation="training_jobs", project="vision", action="list")
ANSWER = {
    "token": {"expires_at": "2023-11-15T22:13:20.527363Z", "methods": ["password"]}
}


@pytest.fixture
async def issuer():
    """Return a token issuer whose answers the test gives."""
    auth = PasswordAuth(
        username="exporter", password=Secret("pa$$ wörd"), domain="OTC1"
    )
    async with httpx.AsyncClient() as client:
        yield TokenIssuer(auth, IAM, client, lambda: NOW)


@respx.mock
async def test_the_login_is_what_the_reference_describes(issuer):
    """The login sends user, password and domain; the token comes in a header."""
    route = respx.post(f"{IAM}/v3/auth/tokens", params={"nocatalog": "true"}).respond(
        201, json=ANSWER, headers={"X-Subject-Token": "MIItoken"}
    )

    token = await issuer.token("p1", "vision")

    assert (token.text, token.expires_at) == (
        "MIItoken",
        pytest.approx(1_700_086_400.527363),
    )
    assert json.loads(route.calls.last.request.content) == {
        "auth": {
            "identity": {
                "methods": ["password"],
                "password": {
                    "user": {
                        "name": "exporter",
                        "password": "pa$$ wörd",
                        "domain": {"name": "OTC1"},
                    }
                },
            },
            "scope": {"project": {"id": "p1"}},
        }
    }


@respx.mock
async def test_the_accounts_login(issuer):
    """Without a project, the scope is the domain; the answer has the user's ID."""
    answer = {"token": {**ANSWER["token"], "user": {"id": "u1", "name": "exporter"}}}
    route = respx.post(f"{IAM}/v3/auth/tokens").respond(
        201, json=answer, headers={"X-Subject-Token": "MIItoken"}
    )

    token = await issuer.token(None, "")

    assert token.text == "MIItoken"
    assert issuer.user_id == "u1"
    sent = json.loads(route.calls.last.request.content)
    assert sent["auth"]["scope"] == {"domain": {"name": "OTC1"}}


@pytest.mark.parametrize(
    ("status", "headers", "body", "reason"),
    [
        (201, {}, ANSWER, Reason.RESPONSE),
        (201, {"X-Subject-Token": "t"}, {}, Reason.RESPONSE),
        (
            201,
            {"X-Subject-Token": "t"},
            {"token": {"expires_at": "soon"}},
            Reason.RESPONSE,
        ),
        (
            401,
            {},
            {"error": {"code": 401, "title": "Unauthorized"}},
            Reason.AUTHENTICATION,
        ),
        (403, {}, {}, Reason.PERMISSION),
        (429, {}, {"error_code": "IAM.0012"}, Reason.THROTTLED),
        (503, {}, {}, Reason.API),
        (302, {"Location": "https://elsewhere.example"}, {}, Reason.RESPONSE),
    ],
)
@respx.mock
async def test_answers_without_a_token(issuer, status, headers, body, reason):
    """An answer without a token is a failure with its reason, not an exception."""
    respx.post(f"{IAM}/v3/auth/tokens").respond(status, json=body, headers=headers)

    failure = await issuer.token("p1", "vision")

    assert isinstance(failure, Failure)
    assert failure.reason is reason
    assert failure.operation == "auth_tokens"


@pytest.mark.parametrize(
    "text",
    ["a\rb", "a\r\nHost: x", "a\x00b", "a\x7fb", "a b", "t\u00f6ken", "\u6c49\u5b57"],
)
@respx.mock
async def test_a_token_that_does_not_fit_a_header(issuer, text):
    """A token with odd characters fails the login, and is not repeated."""
    respx.post(f"{IAM}/v3/auth/tokens").respond(
        201, json=ANSWER, headers={"X-Subject-Token": text.encode()}
    )
    auth = TokenAuth(issuer, "p1", "vision", lambda _: None)
    async with httpx.AsyncClient() as client:
        with pytest.raises(CollectionError) as raised:
            await client.get(API, auth=auth, extensions=CONTEXT.extensions())
    await auth.aclose()

    assert raised.value.failure.reason is Reason.RESPONSE
    assert text not in str(raised.value)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00", "2023-11-15T22:13:20"])
@respx.mock
async def test_a_time_without_a_zone_is_utc(issuer, time):
    """A time without a zone is UTC, whatever the local time zone is."""
    respx.post(f"{IAM}/v3/auth/tokens").respond(
        201, json={"token": {"expires_at": time}}, headers={"X-Subject-Token": "t"}
    )

    token = await issuer.token("p1", "vision")

    assert token.expires_at == datetime.fromisoformat(f"{time}Z").timestamp()


@respx.mock
async def test_a_request_carries_the_token_and_no_password(issuer):
    """ModelArts gets the token in `X-Auth-Token`, and nothing that IAM got."""
    respx.post(f"{IAM}/v3/auth/tokens").respond(
        201, json=ANSWER, headers={"X-Subject-Token": "MIItoken"}
    )
    route = respx.get(API).respond(200, json={})
    ended = []
    auth = TokenAuth(issuer, "p1", "vision", ended.append)
    async with httpx.AsyncClient() as client:
        await client.get(API, auth=auth, extensions=CONTEXT.extensions())
        await client.get(API, auth=auth, extensions=CONTEXT.extensions())
    request = route.calls.last.request

    assert request.headers["X-Auth-Token"] == "MIItoken"
    assert "Authorization" not in request.headers
    # The log names the login's project.
    assert context_of(respx.calls[0].request).project == "vision"
    login = json.loads(respx.calls[0].request.content)
    assert login["auth"]["scope"] == {"project": {"id": "p1"}}
    assert ended == [pytest.approx(1_700_086_400.527363)]
    assert respx.calls.call_count == 3


@respx.mock
async def test_the_cooldown_of_a_rejected_password(issuer):
    """The cooldown is as long as IAM's lock after too many wrong passwords."""
    route = respx.post(f"{IAM}/v3/auth/tokens").respond(
        401, json={"error": {"code": 401, "title": "Unauthorized"}}
    )
    await issuer.token("p1", "vision")

    failure = await issuer.token("p1", "vision")

    assert "not sent again for 900 s" in failure.consequence
    assert route.call_count == 1


@pytest.mark.parametrize(
    ("lifetime", "due_before"), [(86_400.0, 900.0), (1_000.0, 100.0)]
)
def test_when_a_token_is_due(lifetime, due_before):
    """A token is due in the last tenth of its life, at most 15 minutes."""
    token = Token("t", NOW, NOW + lifetime)

    assert not token.is_due(token.expires_at - due_before - 1)
    assert token.is_due(token.expires_at - due_before)


@respx.mock
async def test_new_tokens_that_are_rejected_are_not_replaced_at_once():
    """After a rejected new token, logins pause for five minutes or until a reload."""
    now = NOW
    logins = respx.post(f"{IAM}/v3/auth/tokens").respond(
        201, json=ANSWER, headers={"X-Subject-Token": "MIItoken"}
    )
    route = respx.get(API).respond(401, json={"error_code": "APIGW.0301"})
    password = PasswordAuth(username="exporter", password=Secret("p"), domain="OTC1")

    # As the transport does: the error code is read from the body.
    hooks = {"response": [httpx.Response.aread]}
    async with httpx.AsyncClient(event_hooks=hooks) as client:
        auth = TokenAuth(
            TokenIssuer(password, IAM, client, lambda: now), "p1", "v", lambda _: None
        )

        async def logins_of_a_request():
            before = logins.call_count
            await client.get(API, auth=auth, extensions=CONTEXT.extensions())
            return logins.call_count - before

        assert await logins_of_a_request() == 2
        assert await logins_of_a_request() == 0
        now += 299
        assert await logins_of_a_request() == 0
        now += 1
        assert await logins_of_a_request() == 1
        auth.try_again()
        assert await logins_of_a_request() == 1
        route.respond(200, json={})
        assert await logins_of_a_request() == 0
        # An accepted token ends the pause of its path.
        route.respond(401, json={"error_code": "APIGW.0301"})
        assert await logins_of_a_request() == 1


@respx.mock
async def test_a_password_file_that_changes_or_is_missing(tmp_path):
    """Another password is a change; a missing file is not, but fails the login."""
    respx.post(f"{IAM}/v3/auth/tokens").respond(
        201, json=ANSWER, headers={"X-Subject-Token": "MIItoken"}
    )
    path = tmp_path / "password"
    path.write_text("first")
    auth = PasswordAuth(
        username="exporter", password=Secret.from_file(path), domain="OTC1"
    )
    async with httpx.AsyncClient() as client:
        issuer = TokenIssuer(auth, IAM, client, lambda: NOW)
        await issuer.token("p1", "vision")
        assert not issuer.is_changed()
        path.write_text("another")
        assert issuer.is_changed()
        path.unlink()
        assert not issuer.is_changed()
        failure = await issuer.token("p1", "vision")

    assert failure.reason is Reason.AUTHENTICATION
    assert "a secret cannot be read" in failure.problem


@respx.mock
async def test_a_project_to_which_the_login_is_rejected(issuer):
    """A rejected login is not repeated if other projects accept the password."""

    def answer(request):
        if json.loads(request.content)["auth"]["scope"]["project"]["id"] == "p1":
            return httpx.Response(
                201, json=ANSWER, headers={"X-Subject-Token": "MIItoken"}
            )
        return httpx.Response(401, json={"error": {"code": 401}})

    route = respx.post(f"{IAM}/v3/auth/tokens").mock(side_effect=answer)
    for project in ("p1", "p2", "p1"):
        await issuer.token(project, project)

    failure = await issuer.token("p2", "p2")
    assert failure.reason is Reason.PERMISSION
    assert (failure.operation, failure.method) == ("auth_tokens", "POST")
    assert failure.path == "/v3/auth/tokens"
    assert route.call_count == 3

    issuer.forget("p2")
    await issuer.token("p2", "p2")
    assert route.call_count == 4
