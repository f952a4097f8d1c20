"""What scrapes report, reuse and cancel, with pollers that the test answers."""

import asyncio

from dataclasses import dataclass, field, replace

import pytest

from harness import key_auth
from stepped import SteppedLoop

from exporter.collection.collector import Collector
from exporter.collection.offers import NotOffered
from exporter.collectors.base import Product, Reading, Registry
from exporter.config import Cloud, CollectionSettings, Configuration, Project
from exporter.errors import CollectionError, Failure, Reason
from exporter.metrics.labels import Labels
from exporter.metrics.telemetry import Telemetry


FAILURE = Failure(reason=Reason.API, problem="broken", advice="wait")
MISSING = Failure(reason=Reason.PERMISSION, problem="no details", advice="ask")
START = 1_700_000_000.0


@dataclass(frozen=True)
class Found:
    """A collection's result."""

    number: int = 3
    partial_failures: tuple = ()

    def frozen(self, partial_failures):
        """Return the result that is reported at the deadline."""
        return replace(self, partial_failures=tuple(partial_failures))


class FakePoller:
    """A poller whose polls the test answers."""

    operation = "things"

    def __init__(self, cloud, target, settings):
        self.cloud = cloud
        self.target = target
        self.settings = settings
        self.polls = []
        self.fails_to_read = False

    async def poll(self, session, progress):
        """Wait for the test's answer."""
        answer = asyncio.get_running_loop().create_future()
        self.polls.append(answer)
        self.cloud.sessions.append(session)
        self.cloud.progress.append(progress)
        return await answer

    def reading(self, snapshot):
        """Return what becomes metrics."""
        if self.fails_to_read:
            raise LookupError
        return Reading(Labels(), snapshot)

    def reconfigure(self, settings):
        """Accept settings with the same page size."""
        if settings.page_size != self.settings.page_size:
            return False
        self.settings = settings
        return True


@dataclass
class FakeClouds:
    """Fake clouds: records their clients, and the pollers that use them."""

    clients: list = field(default_factory=list)
    pollers: list = field(default_factory=list)
    sessions: list = field(default_factory=list)
    progress: list = field(default_factory=list)

    def open(self, target, settings):
        """Return a target's poller."""
        self.pollers.append(FakePoller(self, target, settings))
        return self.pollers[-1]

    def poller(self, name):
        """Return the newest poller of a project."""
        return [one for one in self.pollers if one.target.project.name == name][-1]

    def client(self, cloud, scheduler, telemetry, memory, clock):
        """Return a cloud's client."""
        assert None not in (scheduler, telemetry, memory, clock)
        self.clients.append(FakeClient(cloud, clock))
        return self.clients[-1]


@dataclass(eq=False)
class FakeClient:
    """A fake client of a cloud."""

    cloud: Cloud
    clock: object
    tried_again: int = 0
    is_closed: bool = False
    retained: set | None = None

    def session(self, project, deadline, record):
        """Return whose session it is."""
        return self.cloud.name, project.name, deadline

    def try_credentials_again(self):
        """Count the call."""
        self.tried_again += 1

    async def retain(self, projects):
        """Record the projects."""
        self.retained = {project.name for project in projects}

    async def aclose(self):
        """Close after a moment, which is longer for the other cloud."""
        for _ in range(20 if self.cloud is OTHER else 2):
            await asyncio.sleep(0)
        self.is_closed = True


def cloud(name, region="eu-de"):
    """Return a cloud."""
    url = "http://127.0.0.1:9"
    return Cloud(
        name=name, region=region, iam_url=url, modelarts_url=url, auth=key_auth()
    )


OTC, OTHER = cloud("otc"), cloud("other")


def configured(*projects, clouds=(OTC,), **collection):
    """Return a configuration with these projects, of the first cloud."""
    return Configuration(
        clouds=clouds,
        projects=tuple(
            one
            if isinstance(one, Project)
            else Project(name=one, cloud=clouds[0], project_id=one)
            for one in projects
        ),
        collection=CollectionSettings(**collection),
    )


class Harness:
    """A collector on a stepped loop, and the fake clouds that it polls."""

    def __init__(self, monkeypatch):
        self.loop = SteppedLoop()
        self.clouds = FakeClouds()
        self.telemetry = Telemetry()
        self.product = Product(
            name="things",
            kind="thing",
            title="Things",
            noun="things",
            api_versions=("v1",),
            open=self.clouds.open,
            families=lambda readings: (),
        )
        monkeypatch.setattr(
            "exporter.collection.collector.CloudClient", self.clouds.client
        )
        self.collector = None

    def start(self, configuration):
        """Start the collector; its clock is the loop's, from a fixed date on."""

        async def start():
            self.collector = Collector(
                configuration, self.telemetry, Registry((self.product,)), self.clock
            )

        self.loop.step(start())

    def clock(self):
        """Return the time."""
        return START + self.loop.time()

    def scrape(self, seconds=10.0, only=None):
        """Start a scrape."""
        task = self.loop.create_task(
            self.collector.collect(
                seconds,
                *([lambda target: target.project.name == only] if only else []),
            )
        )
        self.loop.step()
        return task

    def answer(self, name, result=None):
        """Answer the oldest open poll of a project."""
        pending = next(one for one in self.clouds.poller(name).polls if not one.done())
        if isinstance(result, Exception):
            pending.set_exception(result)
        else:
            pending.set_result(result or Found())
        self.loop.step()

    def collected(self, name="a", result=None, **options):
        """Scrape one project, which answers at once; return its report."""
        task = self.scrape(only=name, **options)
        self.answer(name, result)
        (report,) = task.result()
        return report

    def polls(self, name="a"):
        """Return how many polls a project has had."""
        return sum(
            len(one.polls)
            for one in self.clouds.pollers
            if one.target.project.name == name
        )

    def call(self, function, *arguments):
        """Call a function while the loop runs."""

        async def call():
            return function(*arguments)

        (result,) = self.loop.step(call())
        return result

    def configure(self, configuration):
        """Reload the configuration."""
        self.call(self.collector.configure, configuration)

    def gauge(self, name, **labels):
        """Return the value of one of the exporter's own metrics."""
        return self.telemetry.registry.get_sample_value(
            f"modelarts_exporter_{name}", labels
        )


@pytest.fixture
def harness(monkeypatch):
    """Return a harness, and check that it leaves nothing running."""
    harness = Harness(monkeypatch)
    yield harness
    harness.loop.step(harness.collector.aclose())
    assert all(client.is_closed for client in harness.clouds.clients)
    harness.loop.end()


def errors(report):
    """Return the numbers of errors, without the zeros."""
    return {reason: number for reason, number in report.errors.items() if number}


def test_a_report(harness):
    """Each target's report has its result, time, labels and last success."""
    harness.start(configured("a", "b"))
    assert [
        (latest.outcome, latest.collected_at) for latest in harness.collector.latest()
    ] == [(None, 0.0)] * 2
    task = harness.scrape()
    harness.loop.advance(2)
    harness.answer("a", Found(7))
    harness.answer("b", Found(8))
    first, second = task.result()

    assert first.outcome.result == Found(7)
    assert second.outcome.result == Found(8)
    assert first.outcome.seconds == 2
    assert first.target.project.name == "a"
    assert first.labels.own == first.target.labels()
    assert first.reading.snapshot == Found(7)
    assert first.last_success == harness.clock()
    assert errors(first) == {}
    assert [name for _, name, _ in harness.clouds.sessions] == ["a", "b"]
    assert harness.collector.scheduler is not None


def test_only_what_is_wanted_is_collected(harness):
    """Only the targets that a scrape asks for are collected."""
    harness.start(configured("a", "b"))
    report = harness.collected("b")

    assert report.target.project.name == "b"
    assert harness.polls("a") == 0


def test_a_scrape_of_nothing(harness):
    """A scrape without targets ends at once."""
    harness.start(configured())

    assert harness.scrape().result() == []


def test_a_failure(harness):
    """A failure is counted with its reason, and the last success stays."""
    harness.start(configured("a"))
    success = harness.collected().last_success
    harness.loop.advance(5)
    report = harness.collected(result=CollectionError(FAILURE))

    assert report.outcome.result is FAILURE
    assert report.reading.snapshot is None
    assert errors(report) == {Reason.API: 1}
    assert report.last_success == success == harness.clock() - 5
    (latest,) = harness.collector.latest()
    assert (latest.outcome, latest.collected_at) == (report.outcome, harness.clock())
    again = harness.collected(result=CollectionError(FAILURE))
    assert errors(again) == {Reason.API: 2}
    assert latest.last_success == success
    assert latest.target == report.target


def test_a_partial_failure(harness):
    """A partial failure is counted, and the collection is a success."""
    harness.start(configured("a"))
    report = harness.collected(result=Found(1, (MISSING, MISSING)))

    assert errors(report) == {Reason.PERMISSION: 2}
    assert report.last_success == harness.clock()


def test_an_internal_error(harness, logged):
    """An unexpected exception is logged, and a failure of one target alone."""
    harness.start(configured("a", "b"))
    task = harness.scrape()
    harness.answer("a", LookupError("odd"))
    harness.answer("b")
    first, second = task.result()

    assert first.outcome.result.problem == "an internal error in the exporter"
    assert errors(first) == {Reason.RESPONSE: 1}
    assert second.outcome.result == Found()
    (line,) = [line for line in logged() if 'msg="internal error"' in line]
    assert "project=a" in line
    assert "kind=thing" in line
    assert "LookupError" in line


def test_a_result_that_cannot_be_read(harness, logged):
    """A result without a reading becomes a failure, also on the status page."""
    harness.start(configured("a", min_interval=60))
    harness.clouds.poller("a").fails_to_read = True
    report = harness.collected()

    assert isinstance(report.outcome.result, Failure)
    assert report.reading is None
    assert errors(report) == {Reason.RESPONSE: 1}
    (latest,) = harness.collector.latest()
    assert latest.outcome == report.outcome
    assert any(
        'msg="internal error"' in line and "project=a" in line for line in logged()
    )


def test_a_report_that_cannot_be_encoded(harness):
    """A report that cannot be encoded becomes a failure, also on the status page."""
    harness.start(configured("a"))
    report = harness.collected()
    instead = harness.call(harness.collector.failed, report)

    assert isinstance(instead.outcome.result, Failure)
    assert errors(instead) == {Reason.RESPONSE: 1}
    assert harness.collector.latest()[0].outcome == instead.outcome

    harness.configure(configured("b"))
    instead = harness.call(harness.collector.failed, report)
    assert isinstance(instead.outcome.result, Failure)
    assert errors(instead) == {}


@pytest.mark.parametrize("interval", [0.0, 30.0])
def test_a_result_is_reported_again_for_a_while(harness, interval):
    """Within `min_interval`, a result is reported again without a poll."""
    harness.start(configured("a", min_interval=interval))
    report = harness.collected()
    if interval:
        harness.loop.advance(interval - 1)
        (again,) = harness.scrape().result()
        assert again.outcome is report.outcome
        harness.loop.advance(1)
    assert harness.polls() == 1

    harness.collected()
    assert harness.polls() == 2


def test_scrapes_share_a_run(harness):
    """A second scrape joins the run, which is counted, and has its own deadline."""
    harness.start(configured("a"))
    first = harness.scrape(10)
    second = harness.scrape(20)
    assert harness.polls() == 1
    assert harness.gauge("coalesced_collections_total") == 1
    assert harness.clouds.progress[0].deadline.at == harness.loop.time() + 20

    first.cancel()
    harness.loop.step()
    harness.answer("a")
    (report,) = second.result()
    assert report.outcome.result == Found()
    assert errors(report) == {}


def test_a_canceled_scrape(harness):
    """When no scrape waits any more, the run is canceled and counted."""
    harness.start(configured("a"))
    for _ in range(2):
        task = harness.scrape()
        task.cancel()
        harness.loop.step()

    assert all(one.cancelled() for one in harness.clouds.poller("a").polls)
    assert errors(harness.collected()) == {Reason.CANCELED: 2}


def test_a_scrape_that_times_out(harness):
    """A late scrape reports a timeout and its duration; the run is canceled."""
    harness.start(configured("a"))
    task = harness.scrape(10)
    harness.loop.advance(10)
    (report,) = task.result()
    failure = report.outcome.result

    assert failure.reason is Reason.TIMEOUT
    assert "after 10.0 s" in failure.problem
    assert report.outcome.seconds == 10
    assert errors(report) == {Reason.TIMEOUT: 1}
    assert harness.clouds.poller("a").polls[0].cancelled()
    assert harness.collector.latest()[0].outcome == report.outcome


def test_a_scrape_that_times_out_with_a_partial_result(harness):
    """At the deadline, a partial result is reported with what is missing."""
    harness.start(configured("a"))
    task = harness.scrape(10)
    harness.clouds.progress[0].partial_result = Found(5)
    harness.loop.advance(10)
    (report,) = task.result()

    assert report.outcome.result.number == 5
    (missing,) = report.outcome.result.partial_failures
    assert missing.reason is Reason.TIMEOUT
    assert report.last_success == harness.clock()


def test_a_run_that_outlasts_a_scrape(harness):
    """When a run outlasts a scrape, the next scrape starts another."""
    harness.start(configured("a"))
    long = harness.scrape(100)
    short = harness.scrape(10)
    harness.loop.advance(10)
    assert short.result()[0].outcome.result.reason is Reason.TIMEOUT
    # The run continues, and has no result yet.
    assert harness.collector.latest()[0].outcome is None

    next_scrape = harness.scrape(10)
    first, second = harness.clouds.poller("a").polls
    second.set_result(Found(2))
    harness.loop.step()
    assert next_scrape.result()[0].outcome.result == Found(2)
    first.set_result(Found(1))
    harness.loop.step()
    assert long.result()[0].outcome.result == Found(1)
    assert harness.collector.latest()[0].outcome.result == Found(2)


def test_a_shutdown_ends_scrapes(harness):
    """Shutdown bounds the time of running scrapes, and extends none."""
    harness.start(configured("a", "b"))
    long, short = harness.scrape(100, only="a"), harness.scrape(2, only="b")
    harness.call(harness.collector.end_within, 5)
    harness.loop.advance(2)
    assert (long.done(), short.done()) == (False, True)
    harness.loop.advance(3)

    assert long.result()[0].outcome.result.reason is Reason.TIMEOUT


def test_a_reload_keeps_what_has_not_changed(harness):
    """Results and connections are kept on a reload; failures are collected again."""
    harness.start(configured("a", "b", min_interval=60))
    good = harness.collected("a")
    harness.collected("b", CollectionError(FAILURE))
    client = harness.clouds.clients[0]
    harness.configure(configured("a", "b", min_interval=60))
    task = harness.scrape()
    harness.answer("b")

    assert task.result()[0].outcome is good.outcome
    assert task.result()[1].outcome.result == Found()
    assert harness.clouds.clients == [client]
    assert (client.tried_again, client.is_closed) == (1, False)
    assert len(harness.clouds.pollers) == 2


def test_a_reload_with_other_settings(harness):
    """A poller accepts new settings, or is replaced."""
    harness.start(configured("a", min_interval=60))
    harness.collected()
    harness.configure(configured("a", min_interval=5, max_concurrent_requests=3))
    assert harness.collector.scheduler.max_in_flight == 3
    harness.loop.advance(5)
    harness.collected()
    assert len(harness.clouds.pollers) == 1

    harness.configure(configured("a", min_interval=5, page_size=50))
    harness.collected()
    assert len(harness.clouds.pollers) == 2
    assert harness.collector.configuration.collection.page_size == 50


def test_a_reload_of_clouds_and_projects(harness):
    """What is removed is closed and dropped as soon as no scrape needs it."""
    moved = replace(OTC, region="eu-nl")
    harness.start(configured("a", "b", clouds=(OTC, OTHER)))
    otc, other = harness.clouds.clients
    for name in "ab":
        harness.telemetry.credential_expiry("otc", name, 1.0)
    harness.telemetry.request_queue("other", in_flight=lambda: 7, waiting=lambda: 0)
    running = harness.scrape(only="b")

    harness.configure(configured("a", clouds=(OTC,)))
    assert harness.gauge("requests_in_flight", cloud="other") is None
    expiry = "credential_expiry_timestamp_seconds"
    assert harness.gauge(expiry, cloud="otc", project="a") == 1
    assert harness.gauge(expiry, cloud="otc", project="b") is None
    # The scrape of `b` is still running.
    assert (other.is_closed, otc.retained) == (False, None)
    harness.clouds.poller("b").polls[0].set_result(Found(4))
    harness.loop.step()
    assert running.result()[0].outcome.result == Found(4)
    assert (other.is_closed, otc.is_closed) == (True, False)
    assert otc.retained == {"a"}

    harness.configure(configured("a", clouds=(moved,)))
    assert otc.is_closed
    assert harness.clouds.clients[-1].cloud == moved
    assert harness.collected("a").target.project.cloud == moved


def test_closing_cancels_what_runs(harness):
    """Closing also cancels runs whose targets a reload has removed."""
    harness.start(configured("a", "b"))
    tasks = [harness.scrape(only=name) for name in "ab"]
    harness.configure(configured("b", clouds=(OTC, OTHER)))

    async def close():
        harness.collector.configure(configured("b"))
        await harness.collector.aclose()
        return [client.is_closed for client in harness.clouds.clients]

    assert harness.loop.step(close()) == [[True, True]]
    assert all(
        pending.cancelled()
        for poller in harness.clouds.pollers
        for pending in poller.polls
    )
    for task in tasks:
        assert task.done()


MISSING_API = replace(FAILURE, operation="things", not_offered=True)


def test_an_api_that_the_cloud_does_not_offer(harness, logged):
    """A missing API is no failure, logged once, and asked for again every hour."""
    harness.start(configured("a"))
    report = harness.collected(result=CollectionError(MISSING_API))
    assert report.outcome.result == NotOffered(MISSING_API)
    assert (report.reading, errors(report)) == (None, {})
    harness.loop.advance(3599)
    (again,) = harness.scrape().result()
    assert again.outcome == report.outcome
    (line,) = [line for line in logged() if "not offered" in line]
    assert "project=a" in line

    harness.loop.advance(1)
    harness.collected(result=CollectionError(MISSING_API))
    harness.configure(configured("a"))
    report = harness.collected()
    assert report.outcome.result == Found()
    assert harness.polls() == 3


def test_an_api_that_is_configured_by_name(harness):
    """A configured API has to be offered; the failure counts once."""
    named = Project(name="a", cloud=OTC, project_id="a", collectors=("things",))
    harness.start(configured(named))
    tasks = [harness.scrape(), harness.scrape()]
    harness.answer("a", CollectionError(MISSING_API))

    for task in tasks:
        (report,) = task.result()
        assert report.outcome.result == MISSING_API
        assert report.reading.snapshot is None
        assert errors(report) == {Reason.API: 1}
    assert harness.collector.latest()[0].outcome.result == MISSING_API


def test_projects_that_were_discovered(harness):
    """Discovered projects are collected; unavailable ones fail without a request."""
    harness.start(configured("a", min_interval=60))
    good = harness.collected("a")
    first, second, third = configured("a", "b", "c").projects
    harness.call(harness.collector.replace_projects, (first, second), {third: MISSING})
    task = harness.scrape()
    harness.answer("b")

    reports = {report.target.project.name: report for report in task.result()}
    assert reports["a"].outcome is good.outcome
    assert reports["b"].outcome.result == Found()
    assert reports["c"].outcome.result is MISSING
    assert errors(reports["c"]) == {Reason.PERMISSION: 1}
    assert harness.polls("c") == 0
    assert harness.collector.client_of("otc") is harness.clouds.clients[0]
    # This is no reload: rejected credentials are not tried again.
    assert harness.clouds.clients[0].tried_again == 0

    harness.configure(configured("a", "c", min_interval=60))
    assert harness.collected("c").outcome.result == Found()
