"""What a collector gets from an answer, and when it was answered."""

import httpx
import msgspec
import pytest

from harness import key_auth

from exporter.cloud.call import Call
from exporter.cloud.request_context import RequestContext
from exporter.cloud.session import Session
from exporter.config import Cloud, Project, TrainingApi
from exporter.deadline import Deadline
from exporter.errors import CollectionError, Reason


CLOUD = Cloud(
    name="otc",
    region="eu-de",
    iam_url="https://iam.example",
    modelarts_url="https://modelarts.example",
    auth=key_auth(),
)
PROJECT = Project(
    name="vision", cloud=CLOUD, project_id="p1", training_api=TrainingApi.V1
)
LOCAL_TIME = 1_700_000_000.0


class Things(msgspec.Struct):
    """An answer."""

    total: int


class FakeClient:
    """A client that answers every call with the same content, and records the call."""

    def __init__(self, content, headers):
        self.content = content
        self.headers = headers
        self.asked = []

    def clock(self):
        """Return the local time."""
        return LOCAL_TIME

    async def ask(self, project, call, deadline, record):
        """Return the answer."""
        self.asked.append((project, call, deadline))
        context = RequestContext(
            operation=call.api,
            project=project.name,
            action=call.action,
            max_bytes=call.max_bytes,
            attempt=1,
        )
        request = httpx.Request(call.method, call.url, extensions=context.extensions())
        return httpx.Response(
            200, content=self.content, headers=self.headers, request=request
        )


def asking(content=b'{"total": 3}', **headers):
    """Return a session whose calls get this answer, and a call."""
    session = Session(PROJECT, Deadline(10), FakeClient(content, headers))
    call = Call(
        api="things",
        url=session.url("v2", "things?limit=3"),
        expected="a list of things",
        action="modelarts:thing:list",
    )
    return session, call


async def fetch(session, call):
    """Return the answer to `call`."""
    return await session.fetch(call, msgspec.json.Decoder(Things))


async def test_an_answer_is_decoded():
    """The answer is decoded to its type; the client got project, call and deadline."""
    session, call = asking()
    answer = await fetch(session, call)

    assert answer.content == Things(3)
    assert answer.call is call
    assert answer.response.content == b'{"total": 3}'
    # Neither appears in the log.
    assert "Things" not in repr(answer)
    assert "Response" not in repr(answer)
    assert "FakeClient" not in repr(session)
    assert session.client.asked == [(PROJECT, call, session.deadline)]


async def test_the_url_of_a_call():
    """The URL has the API version and the project's ID."""
    _, call = asking()

    assert str(call.url) == "https://modelarts.example/v2/p1/things?limit=3"


@pytest.mark.parametrize(
    ("headers", "at"),
    [
        ({"Date": "Wed, 15 Nov 2023 22:13:20 GMT"}, 1_700_086_400.0),
        ({"Date": "yesterday"}, LOCAL_TIME),
        ({}, LOCAL_TIME),
    ],
)
async def test_when_it_was_answered(headers, at):
    """The time is the gateway's `Date`, or the local time without one."""
    answer = await fetch(*asking(**headers))

    assert answer.answered_at == at


@pytest.mark.parametrize("why", ["content", "meaning"])
async def test_an_unexpected_answer(why):
    """The failure names the request and what was expected, not the answer itself."""
    headers = {"X-Request-Id": "r1"}
    if why == "content":
        with pytest.raises(CollectionError) as raised:
            await fetch(*asking(b'{"total": "canary"}', **headers))
        error = raised.value
    else:
        answer = await fetch(*asking(**headers))
        error = answer.unexpected("there are no things")
    failure = error.failure

    assert failure.reason is Reason.RESPONSE
    assert failure.problem.startswith(
        "HTTP 200, but the answer is not a list of things: "
    )
    assert ("total" if why == "content" else "no things") in failure.problem
    assert "canary" not in failure.problem
    assert (failure.operation, failure.method) == ("things", "GET")
    assert (failure.path, failure.status) == ("/v2/p1/things", 200)
    assert failure.request_id == "r1"
