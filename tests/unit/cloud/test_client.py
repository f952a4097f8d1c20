"""When the client retries a request, and how long it waits before it sends one."""

import httpx
import pytest

from harness import key_auth
from stepped import SteppedLoop

from exporter.cloud.call import Call
from exporter.cloud.client import CloudClient
from exporter.cloud.request_context import context_of
from exporter.cloud.response_memory import ResponseMemory
from exporter.cloud.scheduler import RequestScheduler
from exporter.config import Cloud, Project
from exporter.deadline import Deadline
from exporter.errors import CollectionError, Reason
from exporter.metrics.telemetry import Telemetry


CLOUD = Cloud(
    name="otc",
    region="eu-de",
    iam_url="https://iam.example",
    modelarts_url="https://modelarts.example",
    auth=key_auth(),
)
A, B = (Project(name=name, cloud=CLOUD, project_id=f"id-{name}") for name in "ab")


def call(api="things", **options):
    """Return a call to an API."""
    url = httpx.URL(f"https://modelarts.example/v1/{api}?secret=1")
    return Call(api=api, url=url, expected="things", action="see", **options)


class RecordingHandler:
    """A handler for `httpx.MockTransport` that records requests and their times."""

    def __init__(self, loop):
        self.loop = loop
        self.answers = {}
        """Answers by the last part of the path; the default is a success."""

        self.sent = []
        """Times, paths and attempts."""

        self.requests = []

    def __call__(self, request):
        """Answer a request."""
        name = request.url.path.rpartition("/")[2]
        self.requests.append(request)
        self.sent.append((self.loop.time() - 1000, name, context_of(request).attempt))
        status, headers = self.answers.get(name, (200, {}))
        return httpx.Response(status, json={}, headers=headers)

    def times(self):
        """Return when requests were sent, in seconds since the start."""
        return [time for time, _, _ in self.sent]


class Harness:
    """A client on a stepped loop, whose requests a recording handler answers."""

    def __init__(self, monkeypatch):
        self.loop = SteppedLoop()
        self.handler = RecordingHandler(self.loop)
        self.telemetry = Telemetry()
        self.jitter = 1.0
        monkeypatch.setattr(
            "exporter.cloud.client.CloudTransport",
            lambda *_, **__: httpx.MockTransport(self.handler),
        )
        monkeypatch.setattr("random.uniform", self.uniform)
        self.scheduler = RequestScheduler(4)
        self.client = None
        self.loop.step(self.open())

    def uniform(self, low, high):
        """Return the highest value of the range, or the lowest without jitter."""
        return high if self.jitter == 1.0 else low

    async def open(self):
        """Open the client."""
        self.client = CloudClient(
            CLOUD,
            self.scheduler,
            self.telemetry,
            ResponseMemory(),
            clock=lambda: 1_700_000_000.0,
        )

    def ask(self, asked, project=A, seconds=60.0):
        """Start a call, and return its task."""

        async def ask():
            return await self.client.ask(project, asked, Deadline(seconds))

        task = self.loop.create_task(ask())
        self.loop.step()
        return task

    def finish(self, task, step=0.125):
        """Advance the clock until the task is done; return its failure, if any."""
        while not task.done():
            self.loop.advance(step)
        error = task.exception()
        assert error is None or isinstance(error, CollectionError)
        return error and error.failure

    def retries(self, reason, api="things"):
        """Return the retries counted for an API and a reason."""
        return self.telemetry.registry.get_sample_value(
            "modelarts_exporter_api_retries_total",
            {"cloud": "otc", "api": api, "reason": reason},
        )


@pytest.fixture(autouse=True)
def retried_soon():
    """Keep the real delays: the loop's clock is the test's."""


@pytest.fixture
def harness(monkeypatch):
    """Return a client whose requests a recording handler answers."""
    harness = Harness(monkeypatch)
    yield harness
    harness.loop.step(harness.client.aclose())
    harness.loop.end()


def test_a_response(harness):
    """A call sends one signed request, with its context in the extensions."""
    task = harness.ask(call(body=b"[]", method="POST", max_bytes=99))
    assert task.result().json() == {}
    (request,) = harness.handler.requests
    context = context_of(request)

    assert (context.operation, context.project) == ("things", "a")
    assert (context.action, context.max_bytes, context.attempt) == ("see", 99, 1)
    assert (request.method, request.content) == ("POST", b"[]")
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["X-Project-Id"] == "id-a"
    assert "Authorization" in request.headers
    assert harness.client.user_id == ""
    assert harness.client.cloud is CLOUD


def test_a_request_of_the_account(harness):
    """A request of the account has no project, and no body means no content type."""
    harness.ask(call(), project=None).result()
    (request,) = harness.handler.requests

    assert context_of(request).project == ""
    assert "Content-Type" not in request.headers
    assert "X-Project-Id" not in request.headers


def test_a_session(harness):
    """A session sends the calls of its project, up to its deadline."""

    async def session():
        return harness.client.session(A, Deadline(7))

    (found,) = harness.loop.step(session())
    assert (found.project, found.client) == (A, harness.client)
    assert found.deadline.at == harness.loop.time() + 7


@pytest.mark.parametrize(
    ("jitter", "times"), [(1.0, [0, 0.25, 0.75]), (0.5, [0, 0.125, 0.375])]
)
def test_a_transient_failure_is_retried(harness, jitter, times):
    """A transient failure is retried twice, after 0.25 s and 0.5 s, or half of that."""
    harness.jitter = jitter
    harness.handler.answers["things"] = (503, {})
    failure = harness.finish(harness.ask(call()))

    assert failure.status == 503
    assert harness.handler.times() == times
    assert [attempt for _, _, attempt in harness.handler.sent] == [1, 2, 3]
    assert harness.retries("api") == 2


def test_a_retry_that_succeeds(harness):
    """The answer to a retry is as good as one to the first request."""
    harness.handler.answers["things"] = (503, {})
    task = harness.ask(call())
    del harness.handler.answers["things"]

    assert harness.finish(task) is None
    assert task.result().status_code == 200
    assert harness.handler.times() == [0, 0.25]


def test_a_permanent_failure(harness):
    """A permanent failure is not retried."""
    harness.handler.answers["things"] = (403, {})

    assert harness.finish(harness.ask(call())).reason is Reason.PERMISSION
    assert harness.handler.times() == [0]


@pytest.mark.parametrize(
    ("seconds", "times"), [(0.25, [0]), (0.26, [0, 0.25]), (0.75, [0, 0.25])]
)
def test_a_retry_that_would_be_late(harness, seconds, times):
    """A retry that would come after the deadline is not sent, nor waited for."""
    harness.handler.answers["things"] = (503, {})
    harness.finish(harness.ask(call(), seconds=seconds))

    assert harness.handler.times() == times
    assert harness.loop.time() - 1000 == times[-1]


def test_throttling(harness):
    """A throttled request is retried until the deadline, in pauses of up to 8 s."""
    harness.handler.answers["things"] = (429, {})
    failure = harness.finish(harness.ask(call(), seconds=32))

    assert failure.reason is Reason.THROTTLED
    assert harness.handler.times() == [
        0,
        0.25,
        0.75,
        1.75,
        3.75,
        7.75,
        15.75,
        23.75,
        31.75,
    ]
    assert harness.retries("throttled") == 8


def test_retry_after(harness):
    """`Retry-After` adds to the pause, for one project and operation."""
    harness.handler.answers["things"] = (429, {"Retry-After": "5"})
    first = harness.ask(call())
    del harness.handler.answers["things"]
    second = harness.ask(call())
    others = [
        harness.ask(call(), B),
        harness.ask(call("others")),
        harness.ask(call(), None),
    ]
    assert all(one.done() for one in others)
    short = harness.ask(call(), seconds=5.0)

    failure = harness.finish(short)
    assert failure.reason is Reason.THROTTLED
    assert "accepts no such request for another 5 s" in failure.problem
    assert (failure.operation, failure.method) == ("things", "GET")
    assert failure.path == "/v1/things"
    assert harness.loop.time() == 1000

    enough = harness.ask(call(), seconds=5.1)
    for task in (enough, second, first):
        assert harness.finish(task) is None
    assert harness.handler.times() == [0, 0, 0, 0, 5, 5, 5.25]
    # It is over now.
    assert harness.ask(call(), seconds=0.1).result().status_code == 200


def test_retry_after_with_a_permanent_failure(harness):
    """`Retry-After` of a permanent failure delays the next request."""
    harness.handler.answers["things"] = (403, {"Retry-After": "5"})
    harness.finish(harness.ask(call()))

    assert harness.finish(harness.ask(call(), seconds=4)).reason is Reason.THROTTLED
    assert len(harness.handler.sent) == 1


def test_cooldowns_of_removed_projects_are_dropped(harness):
    """Cooldowns of removed projects are dropped; the account's stays."""
    harness.handler.answers["things"] = (403, {"Retry-After": "50"})
    for project in (A, B, None):
        harness.finish(harness.ask(call(), project))
    harness.loop.step(harness.client.retain([B]))
    harness.handler.sent.clear()

    for project, sent in ((B, 0), (None, 0), (A, 1)):
        harness.finish(harness.ask(call(), project, seconds=9))
        assert len(harness.handler.sent) == sent


def test_a_rejected_key_is_tried_once_more(harness):
    """After a reload, a rejected key is sent again: it may have been corrected."""
    harness.handler.answers["things"] = (401, {})
    for _ in range(2):
        failure = harness.finish(harness.ask(call()))
        assert failure.reason is Reason.AUTHENTICATION
    assert len(harness.handler.sent) == 1
    (is_changed,) = harness.loop.step(harness.client.is_credential_changed())
    assert not is_changed

    harness.client.try_credentials_again()
    harness.finish(harness.ask(call()))
    assert len(harness.handler.sent) == 2


@pytest.mark.parametrize("name", ["in_flight", "waiting"])
def test_the_queue_has_gauges(harness, name):
    """The gauges of the queue exist before the first request."""
    gauge = f"modelarts_exporter_api_requests_{name}"

    assert harness.telemetry.registry.get_sample_value(gauge, {"cloud": "otc"}) == 0
