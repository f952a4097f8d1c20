"""Many projects log in together: fast, and without a risk of locking the account."""

import asyncio
import json

from datetime import UTC, datetime

import httpx
import pytest

from harness import exporting_from, password_auth, simulated

from exporter.cloud.auth import TokenIssuer
from exporter.cloud.auth.tokens import Token
from exporter.config import PasswordAuth, Secret
from exporter.errors import Failure, Reason


NOW = 1_700_000_000.0
USUAL, MOST = 4, 16


class MockIam(httpx.AsyncBaseTransport):
    """An IAM whose answers the test gives; `logins` are in flight, by project ID."""

    def __init__(self):
        self.logins = {}
        self.lists = []
        self.sent = 0

    async def handle_async_request(self, request):
        """Wait for the test's answer."""
        answer = asyncio.get_running_loop().create_future()
        if request.method == "GET":
            assert request.headers["X-Auth-Token"] == "token"
            self.lists.append(answer)
            return await answer
        scope = json.loads(request.content)["auth"]["scope"]
        project = scope.get("project", {}).get("id", "account")
        self.sent += 1
        self.logins[project] = answer
        try:
            return await answer
        finally:
            del self.logins[project]

    async def accept(self, *projects):
        """Issue tokens for these projects."""
        end = datetime.fromtimestamp(NOW + 86_400, UTC).isoformat()
        for project in projects:
            self.logins[project].set_result(
                httpx.Response(
                    201,
                    headers={"X-Subject-Token": "token"},
                    json={"token": {"expires_at": end}},
                )
            )
        await settle()

    async def reject(self, *projects):
        """Answer as for a wrong password."""
        for project in projects:
            self.logins[project].set_result(httpx.Response(401, json={}))
        await settle()

    async def list(self, *projects, **fields):
        """Answer with the user's projects."""
        rows = [{"id": project, "name": project, **fields} for project in projects]
        self.lists.pop().set_result(httpx.Response(200, json={"projects": rows}))
        await settle()


async def settle():
    """Let every task run until it waits."""
    for _ in range(50):
        await asyncio.sleep(0)


def names(first, last):
    """Return the IDs of projects."""
    return [f"p{number}" for number in range(first, last)]


class Start:
    """An exporter that starts with forty projects."""

    def __init__(self, client):
        self.iam = client._transport
        auth = PasswordAuth(username="u", password=Secret("p"), domain="d")
        self.issuer = TokenIssuer(auth, "http://iam", client, lambda: NOW)
        self.tasks = {}

    async def log_in(self, *projects):
        """Start the logins of projects."""
        for project in projects:
            self.tasks[project] = asyncio.create_task(
                self.issuer.token(project, project)
            )
        await settle()

    async def until_listed(self):
        """Log in the first project and the account; the list is requested then."""
        await self.iam.accept("p0")
        assert list(self.iam.logins) == ["account", "p1", "p2", "p3"]
        await self.iam.accept("account")
        assert len(self.iam.lists) == 1

    async def finish(self):
        """Let all remaining logins succeed."""
        while self.iam.logins:
            await self.iam.accept(*self.iam.logins)
        return await asyncio.gather(*self.tasks.values())


@pytest.fixture
async def start():
    """Return an exporter whose first login is in flight."""
    async with httpx.AsyncClient(transport=MockIam()) as client:
        start = Start(client)
        await start.log_in(*names(0, 40))
        assert list(start.iam.logins) == ["p0"]
        yield start
        for task in start.tasks.values():
            task.cancel()
        await start.issuer.aclose()


async def test_projects_that_iam_lists_log_in_many_at_a_time(start):
    """After the first login and the list of projects, the others log in together."""
    await start.until_listed()
    assert len(start.iam.logins) == USUAL
    await start.iam.list(*names(0, 40))
    await start.iam.accept("p1")

    assert list(start.iam.logins) == names(2, 2 + MOST)
    tokens = await start.finish()
    assert all(isinstance(token, Token) for token in tokens)
    assert start.iam.sent == 40 + 1
    assert start.iam.lists == []


async def test_a_hundred_projects_take_nine_round_trips():
    """A hundred projects take nine round trips; in fours it would be twenty-six."""
    async with httpx.AsyncClient(transport=MockIam()) as client:
        start = Start(client)
        await start.log_in(*names(0, 100))
        round_trips = 0
        while start.iam.logins:
            round_trips += 1
            in_flight, is_listing = list(start.iam.logins), bool(start.iam.lists)
            if is_listing:
                await start.iam.list(*names(0, 100))
            await start.iam.accept(*in_flight)
        await start.issuer.aclose()

    assert round_trips == 9
    assert all(isinstance(task.result(), Token) for task in start.tasks.values())


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(403, json={"error": {"code": 403}}),
        httpx.Response(404, content=b""),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json={"projects": [{"id": "\x00"}]}),
    ],
    ids=["forbidden", "unknown", "no JSON", "no projects"],
)
async def test_without_a_list_four_go_at_a_time(start, answer):
    """Without a list, four logins go at a time, and the list is not requested again."""
    await start.until_listed()
    start.iam.lists.pop().set_result(answer)
    while start.iam.logins:
        assert len(start.iam.logins) <= USUAL
        await start.iam.accept(next(iter(start.iam.logins)))

    assert all(isinstance(token, Token) for token in await start.finish())
    assert start.iam.lists == []
    assert start.iam.sent == 40 + 1


@pytest.mark.parametrize(("listed", "fields"), [(3, {}), (40, {"enabled": False})])
async def test_projects_that_may_be_rejected_go_four_at_a_time(start, listed, fields):
    """Projects that are not listed, or are disabled, log in four at a time."""
    await start.until_listed()
    await start.iam.list(*names(0, listed), **fields)
    while start.iam.logins:
        assert len(start.iam.logins) <= USUAL
        await start.iam.accept(next(iter(start.iam.logins)))


async def test_a_password_that_is_wrong_is_sent_once(start):
    """A wrong password is sent once, for no other project and not for the account."""
    await start.iam.reject("p0")

    assert start.iam.sent == 1
    failures = await start.finish()
    assert {failure.reason for failure in failures} == {Reason.AUTHENTICATION}


async def test_a_wrong_list_is_not_trusted_again(start):
    """After a rejected login to a listed project, logins go four at a time."""
    await start.until_listed()
    await start.iam.list(*names(0, 40))
    await start.iam.accept("p1")
    await start.iam.reject("p2")
    await start.iam.accept(*start.iam.logins)
    while start.iam.logins:
        assert len(start.iam.logins) <= USUAL
        await start.iam.accept(next(iter(start.iam.logins)))

    results = await start.finish()
    assert sum(isinstance(result, Failure) for result in results) == 1
    assert start.iam.lists == []


async def test_a_password_that_changes_in_a_burst_stops_it(start):
    """When the password changes, nothing is sent after the first rejection."""
    await start.until_listed()
    await start.iam.list(*names(0, 40))
    await start.iam.accept("p1")
    sent = start.iam.sent
    await start.iam.reject(*start.iam.logins)

    assert start.iam.sent == sent
    assert all(task.done() for task in start.tasks.values())


async def test_a_canceled_start(start):
    """All scrapes end in one tick while projects are listed; later ones work."""
    await start.until_listed()
    for task in start.tasks.values():
        task.cancel()
    await settle()
    assert start.iam.logins == {}

    start.tasks.clear()
    await start.log_in(*names(0, 40))
    await start.iam.list(*names(0, 40))
    await start.iam.accept("p0")
    assert len(start.iam.logins) == MOST
    assert all(isinstance(token, Token) for token in await start.finish())


async def test_closing_cancels_the_list(start):
    """Closing cancels the list of projects, and leaves nothing running."""
    await start.until_listed()
    (answer,) = start.iam.lists
    await start.issuer.aclose()

    assert answer.cancelled()


@pytest.mark.slow
async def test_a_start_with_many_projects():
    """The first scrape collects all projects; the cloud lists them once."""
    cloud = simulated(*(f"p{number:02}" for number in range(40)))
    cloud.latency = 0.01
    async with exporting_from(cloud) as exporter:
        scrape = await exporter.scrape()
        assert set(scrape.up().values()) == {1.0}
        await exporter.scrape()

    assert cloud.identity.logins == 40 + 1
    assert len(cloud.asked("auth_projects")) == 1


@pytest.mark.parametrize("own_projects", ["listed", "denied", "empty"])
@pytest.mark.slow
async def test_a_start_with_projects_without_a_role(own_projects):
    """With any number of projects without a role, the user is not locked."""
    cloud = simulated(*(f"p{number:02}" for number in range(40)))
    cloud.latency = 0.01
    allowed = {f"{number:032x}" for number in range(1, 41) if number % 3}
    cloud.identity.users[0].access.projects = allowed
    cloud.identity.users[0].access.own_projects = own_projects
    async with exporting_from(cloud, password_auth()) as exporter:
        for _ in range(3):
            scrape = await exporter.scrape()

    assert cloud.identity.users[0].locked_until == 0
    assert sum(scrape.up().values()) == 2 * len(allowed)
