"""When a request is tried again, and what is waited for before it is sent."""

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
    """Return a call."""
    url = httpx.URL(f"https://modelarts.example/v1/{api}?secret=1")
    return Call(api=api, url=url, expected="things", action="see", **options)


class Wire:
    """What the client sends, when, and what is answered."""

    def __init__(self, loop):
        self.loop = loop
        self.answers = {}
        """The answer by the last part of the path; the default is a success."""

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
        """Return when requests were sent, from the start."""
        return [time for time, _, _ in self.sent]


class Stage:
    """A client, its loop, and the wire that it sends on."""

    def __init__(self, monkeypatch):
        self.loop = SteppedLoop()
        self.wire = Wire(self.loop)
        self.telemetry = Telemetry()
        self.jitter = 1.0
        monkeypatch.setattr(
            "exporter.cloud.client.CloudTransport",
            lambda *_, **__: httpx.MockTransport(self.wire),
        )
        monkeypatch.setattr("random.uniform", self.uniform)
        self.scheduler = RequestScheduler(4)
        self.client = None
        self.loop.step(self.open())

    def uniform(self, low, high):
        """Return the largest number, or the smallest."""
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
        """Begin a call; return its task."""

        async def ask():
            return await self.client.ask(project, asked, Deadline(seconds))

        task = self.loop.create_task(ask())
        self.loop.step()
        return task

    def finish(self, task, step=0.125):
        """Let time pass until it is done; return its failure, if it has one."""
        while not task.done():
            self.loop.advance(step)
        error = task.exception()
        assert error is None or isinstance(error, CollectionError)
        return error and error.failure

    def retries(self, reason, api="things"):
        """Return how many retries were counted."""
        return self.telemetry.registry.get_sample_value(
            "modelarts_exporter_api_retries_total",
            {"cloud": "otc", "api": api, "reason": reason},
        )


@pytest.fixture(autouse=True)
def retried_soon():
    """Wait as long as users do: the time of the loop is the test's."""


@pytest.fixture
def stage(monkeypatch):
    """Return a client on a wire of the test's own."""
    stage = Stage(monkeypatch)
    yield stage
    stage.loop.step(stage.client.aclose())
    stage.loop.end()


def test_a_response(stage):
    """One request, which says what it is for, and is signed."""
    task = stage.ask(call(body=b"[]", method="POST", max_bytes=99))
    assert task.result().json() == {}
    (request,) = stage.wire.requests
    context = context_of(request)

    assert (context.operation, context.project) == ("things", "a")
    assert (context.action, context.max_bytes, context.attempt) == ("see", 99, 1)
    assert (request.method, request.content) == ("POST", b"[]")
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["X-Project-Id"] == "id-a"
    assert "Authorization" in request.headers
    assert stage.client.user_id == ""
    assert stage.client.cloud is CLOUD


def test_a_request_of_the_account(stage):
    """It has no project, and no body whose type is to be told."""
    stage.ask(call(), project=None).result()
    (request,) = stage.wire.requests

    assert context_of(request).project == ""
    assert "Content-Type" not in request.headers
    assert "X-Project-Id" not in request.headers


def test_a_session(stage):
    """It asks for its project before its deadline."""

    async def session():
        return stage.client.session(A, Deadline(7))

    (found,) = stage.loop.step(session())
    assert (found.project, found.client) == (A, stage.client)
    assert found.deadline.at == stage.loop.time() + 7


@pytest.mark.parametrize(
    ("jitter", "times"), [(1.0, [0, 0.25, 0.75]), (0.5, [0, 0.125, 0.375])]
)
def test_a_failure_that_may_pass(stage, jitter, times):
    """It is tried twice more, after 0.25 s and 0.5 s, or half of that."""
    stage.jitter = jitter
    stage.wire.answers["things"] = (503, {})
    failure = stage.finish(stage.ask(call()))

    assert failure.status == 503
    assert stage.wire.times() == times
    assert [attempt for _, _, attempt in stage.wire.sent] == [1, 2, 3]
    assert stage.retries("api") == 2


def test_a_failure_that_passes(stage):
    """The answer to the second request is as good as one to the first."""
    stage.wire.answers["things"] = (503, {})
    task = stage.ask(call())
    del stage.wire.answers["things"]

    assert stage.finish(task) is None
    assert task.result().status_code == 200
    assert stage.wire.times() == [0, 0.25]


def test_a_failure_that_does_not_pass(stage):
    """It is not tried again."""
    stage.wire.answers["things"] = (403, {})

    assert stage.finish(stage.ask(call())).reason is Reason.PERMISSION
    assert stage.wire.times() == [0]


@pytest.mark.parametrize(
    ("seconds", "times"), [(0.25, [0]), (0.26, [0, 0.25]), (0.75, [0, 0.25])]
)
def test_a_retry_that_would_be_late(stage, seconds, times):
    """It is not made, and not waited for."""
    stage.wire.answers["things"] = (503, {})
    stage.finish(stage.ask(call(), seconds=seconds))

    assert stage.wire.times() == times
    assert stage.loop.time() - 1000 == times[-1]


def test_throttling(stage):
    """Requests go on to the deadline, after pauses that double up to 8 s."""
    stage.wire.answers["things"] = (429, {})
    failure = stage.finish(stage.ask(call(), seconds=32))

    assert failure.reason is Reason.THROTTLED
    assert stage.wire.times() == [0, 0.25, 0.75, 1.75, 3.75, 7.75, 15.75, 23.75, 31.75]
    assert stage.retries("throttled") == 8


def test_retry_after(stage):
    """It is waited for on top, and by others of that project and operation."""
    stage.wire.answers["things"] = (429, {"Retry-After": "5"})
    first = stage.ask(call())
    del stage.wire.answers["things"]
    second = stage.ask(call())
    others = [stage.ask(call(), B), stage.ask(call("others")), stage.ask(call(), None)]
    assert all(one.done() for one in others)
    short = stage.ask(call(), seconds=5.0)

    failure = stage.finish(short)
    assert failure.reason is Reason.THROTTLED
    assert "accepts no such request for another 5 s" in failure.problem
    assert (failure.operation, failure.method) == ("things", "GET")
    assert failure.path == "/v1/things"
    assert stage.loop.time() == 1000

    enough = stage.ask(call(), seconds=5.1)
    for task in (enough, second, first):
        assert stage.finish(task) is None
    assert stage.wire.times() == [0, 0, 0, 0, 5, 5, 5.25]
    # It is over now.
    assert stage.ask(call(), seconds=0.1).result().status_code == 200


def test_retry_after_with_a_failure_that_does_not_pass(stage):
    """The next request waits all the same."""
    stage.wire.answers["things"] = (403, {"Retry-After": "5"})
    stage.finish(stage.ask(call()))

    assert stage.finish(stage.ask(call(), seconds=4)).reason is Reason.THROTTLED
    assert len(stage.wire.sent) == 1


def test_what_is_no_longer_collected_is_forgotten(stage):
    """The cooldowns of the other projects and of the account stay."""
    stage.wire.answers["things"] = (403, {"Retry-After": "50"})
    for project in (A, B, None):
        stage.finish(stage.ask(call(), project))
    stage.loop.step(stage.client.retain([B]))
    stage.wire.sent.clear()

    for project, sent in ((B, 0), (None, 0), (A, 1)):
        stage.finish(stage.ask(call(), project, seconds=9))
        assert len(stage.wire.sent) == sent


def test_a_rejected_key_is_tried_once_more(stage):
    """After a reload it may have been corrected."""
    stage.wire.answers["things"] = (401, {})
    for _ in range(2):
        failure = stage.finish(stage.ask(call()))
        assert failure.reason is Reason.AUTHENTICATION
    assert len(stage.wire.sent) == 1
    (is_changed,) = stage.loop.step(stage.client.is_credential_changed())
    assert not is_changed

    stage.client.try_credentials_again()
    stage.finish(stage.ask(call()))
    assert len(stage.wire.sent) == 2


@pytest.mark.parametrize("name", ["in_flight", "waiting"])
def test_the_queue_has_gauges(stage, name):
    """They are there before the first request."""
    gauge = f"modelarts_exporter_api_requests_{name}"

    assert stage.telemetry.registry.get_sample_value(gauge, {"cloud": "otc"}) == 0
