"""What scrapes report, reuse and leave behind, with pollers that answer when told."""

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
    """What a collection found."""

    number: int = 3
    partial_failures: tuple = ()

    def frozen(self, partial_failures):
        """Return what is known at the deadline."""
        return replace(self, partial_failures=tuple(partial_failures))


class Poller:
    """A poller whose questions the test answers."""

    operation = "things"

    def __init__(self, cloud, target, settings):
        self.cloud = cloud
        self.target = target
        self.settings = settings
        self.questions = []
        self.fails_to_read = False

    async def poll(self, session, progress):
        """Wait for the answer."""
        asked = asyncio.get_running_loop().create_future()
        self.questions.append(asked)
        self.cloud.sessions.append(session)
        self.cloud.progress.append(progress)
        return await asked

    def reading(self, snapshot):
        """Return what becomes metrics."""
        if self.fails_to_read:
            raise LookupError
        return Reading(Labels(), snapshot)

    def reconfigure(self, settings):
        """Take settings with the same page size."""
        if settings.page_size != self.settings.page_size:
            return False
        self.settings = settings
        return True


@dataclass
class Clouds:
    """What stands for the clouds: their clients, and the pollers that ask them."""

    clients: list = field(default_factory=list)
    pollers: list = field(default_factory=list)
    sessions: list = field(default_factory=list)
    progress: list = field(default_factory=list)

    def open(self, target, settings):
        """Return a target's poller."""
        self.pollers.append(Poller(self, target, settings))
        return self.pollers[-1]

    def poller(self, name):
        """Return the newest poller of a project."""
        return [one for one in self.pollers if one.target.project.name == name][-1]

    def client(self, cloud, scheduler, telemetry, memory, clock):
        """Return a cloud's client."""
        assert None not in (scheduler, telemetry, memory, clock)
        self.clients.append(Client(cloud, clock))
        return self.clients[-1]


@dataclass(eq=False)
class Client:
    """What stands for the client of a cloud."""

    cloud: Cloud
    clock: object
    tried_again: int = 0
    is_closed: bool = False
    retained: set | None = None

    def session(self, project, deadline, record):
        """Return whose session it is."""
        return self.cloud.name, project.name, deadline

    def try_credentials_again(self):
        """Count it."""
        self.tried_again += 1

    async def retain(self, projects):
        """Remember it."""
        self.retained = {project.name for project in projects}

    async def aclose(self):
        """Remember it; it takes a moment, and longer for the other cloud."""
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
    """Return a configuration with projects of those names, of the first cloud."""
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


class Stage:
    """A collector, the loop that it runs in, and what it asks."""

    def __init__(self, monkeypatch):
        self.loop = SteppedLoop()
        self.clouds = Clouds()
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
        """Start the collector; its clock is the loop's, from a date on."""

        async def start():
            self.collector = Collector(
                configuration, self.telemetry, Registry((self.product,)), self.clock
            )

        self.loop.step(start())

    def clock(self):
        """Return the time."""
        return START + self.loop.time()

    def scrape(self, seconds=10.0, only=None):
        """Begin a scrape."""
        task = self.loop.create_task(
            self.collector.collect(
                seconds,
                *([lambda target: target.project.name == only] if only else []),
            )
        )
        self.loop.step()
        return task

    def answer(self, name, result=None):
        """Answer the oldest open question about a project."""
        question = next(
            one for one in self.clouds.poller(name).questions if not one.done()
        )
        if isinstance(result, Exception):
            question.set_exception(result)
        else:
            question.set_result(result or Found())
        self.loop.step()

    def collected(self, name="a", result=None, **options):
        """Scrape one project, which answers at once; return its report."""
        task = self.scrape(only=name, **options)
        self.answer(name, result)
        (report,) = task.result()
        return report

    def questions(self, name="a"):
        """Return how often a project was asked for, by all pollers that it has had."""
        return sum(
            len(one.questions)
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
        """Reload."""
        self.call(self.collector.configure, configuration)

    def gauge(self, name, **labels):
        """Return one of the exporter's own numbers."""
        return self.telemetry.registry.get_sample_value(
            f"modelarts_exporter_{name}", labels
        )


@pytest.fixture
def stage(monkeypatch):
    """Return a stage on which nothing is left running."""
    stage = Stage(monkeypatch)
    yield stage
    stage.loop.step(stage.collector.aclose())
    assert all(client.is_closed for client in stage.clouds.clients)
    stage.loop.end()


def errors(report):
    """Return the numbers of errors that are not zero."""
    return {reason: number for reason, number in report.errors.items() if number}


def test_a_report(stage):
    """Each wanted target has one, with its result, time, labels and last success."""
    stage.start(configured("a", "b"))
    assert [
        (latest.outcome, latest.collected_at) for latest in stage.collector.latest()
    ] == [(None, 0.0)] * 2
    task = stage.scrape()
    stage.loop.advance(2)
    stage.answer("a", Found(7))
    stage.answer("b", Found(8))
    first, second = task.result()

    assert first.outcome.result == Found(7)
    assert second.outcome.result == Found(8)
    assert first.outcome.seconds == 2
    assert first.target.project.name == "a"
    assert first.labels.own == first.target.labels()
    assert first.reading.snapshot == Found(7)
    assert first.last_success == stage.clock()
    assert errors(first) == {}
    assert [name for _, name, _ in stage.clouds.sessions] == ["a", "b"]
    assert stage.collector.scheduler is not None


def test_only_what_is_wanted_is_collected(stage):
    """The others are not asked for."""
    stage.start(configured("a", "b"))
    report = stage.collected("b")

    assert report.target.project.name == "b"
    assert stage.questions("a") == 0


def test_a_scrape_of_nothing(stage):
    """It ends at once."""
    stage.start(configured())

    assert stage.scrape().result() == []


def test_a_failure(stage):
    """It is counted with its reason; the last success stays what it was."""
    stage.start(configured("a"))
    success = stage.collected().last_success
    stage.loop.advance(5)
    report = stage.collected(result=CollectionError(FAILURE))

    assert report.outcome.result is FAILURE
    assert report.reading.snapshot is None
    assert errors(report) == {Reason.API: 1}
    assert report.last_success == success == stage.clock() - 5
    (latest,) = stage.collector.latest()
    assert (latest.outcome, latest.collected_at) == (report.outcome, stage.clock())
    again = stage.collected(result=CollectionError(FAILURE))
    assert errors(again) == {Reason.API: 2}
    assert latest.last_success == success
    assert latest.target == report.target


def test_a_partial_failure(stage):
    """It is counted, and the collection is a success."""
    stage.start(configured("a"))
    report = stage.collected(result=Found(1, (MISSING, MISSING)))

    assert errors(report) == {Reason.PERMISSION: 2}
    assert report.last_success == stage.clock()


def test_an_internal_error(stage, logged):
    """What nobody thought of is a failure of one target, and in the log."""
    stage.start(configured("a", "b"))
    task = stage.scrape()
    stage.answer("a", LookupError("odd"))
    stage.answer("b")
    first, second = task.result()

    assert first.outcome.result.problem == "an internal error in the exporter"
    assert errors(first) == {Reason.RESPONSE: 1}
    assert second.outcome.result == Found()
    (line,) = [line for line in logged() if 'msg="internal error"' in line]
    assert "project=a" in line
    assert "kind=thing" in line
    assert "LookupError" in line


def test_a_result_that_cannot_be_read(stage, logged):
    """It is replaced by a failure, which the page shows as well."""
    stage.start(configured("a", min_interval=60))
    stage.clouds.poller("a").fails_to_read = True
    report = stage.collected()

    assert isinstance(report.outcome.result, Failure)
    assert report.reading is None
    assert errors(report) == {Reason.RESPONSE: 1}
    (latest,) = stage.collector.latest()
    assert latest.outcome == report.outcome
    assert any(
        'msg="internal error"' in line and "project=a" in line for line in logged()
    )


def test_a_report_that_cannot_be_encoded(stage):
    """It becomes a failure, also for the page; a target that is gone has none."""
    stage.start(configured("a"))
    report = stage.collected()
    instead = stage.call(stage.collector.failed, report)

    assert isinstance(instead.outcome.result, Failure)
    assert errors(instead) == {Reason.RESPONSE: 1}
    assert stage.collector.latest()[0].outcome == instead.outcome

    stage.configure(configured("b"))
    instead = stage.call(stage.collector.failed, report)
    assert isinstance(instead.outcome.result, Failure)
    assert errors(instead) == {}


@pytest.mark.parametrize("interval", [0.0, 30.0])
def test_a_result_is_reported_again_for_a_while(stage, interval):
    """Until `min_interval` is over, nothing is asked."""
    stage.start(configured("a", min_interval=interval))
    report = stage.collected()
    if interval:
        stage.loop.advance(interval - 1)
        (again,) = stage.scrape().result()
        assert again.outcome is report.outcome
        stage.loop.advance(1)
    assert stage.questions() == 1

    stage.collected()
    assert stage.questions() == 2


def test_scrapes_share_a_run(stage):
    """The second joins, which is counted, and has as much time as it asked for."""
    stage.start(configured("a"))
    first = stage.scrape(10)
    second = stage.scrape(20)
    assert stage.questions() == 1
    assert stage.gauge("coalesced_collections_total") == 1
    assert stage.clouds.progress[0].deadline.at == stage.loop.time() + 20

    first.cancel()
    stage.loop.step()
    stage.answer("a")
    (report,) = second.result()
    assert report.outcome.result == Found()
    assert errors(report) == {}


def test_a_client_that_leaves(stage):
    """When nobody waits any more the run is canceled, and counted."""
    stage.start(configured("a"))
    for _ in range(2):
        task = stage.scrape()
        task.cancel()
        stage.loop.step()

    assert all(one.cancelled() for one in stage.clouds.poller("a").questions)
    assert errors(stage.collected()) == {Reason.CANCELED: 2}


def test_a_scrape_that_is_late(stage):
    """It reports a timeout, which says how long it has waited; the run is canceled."""
    stage.start(configured("a"))
    task = stage.scrape(10)
    stage.loop.advance(10)
    (report,) = task.result()
    failure = report.outcome.result

    assert failure.reason is Reason.TIMEOUT
    assert "after 10.0 s" in failure.problem
    assert report.outcome.seconds == 10
    assert errors(report) == {Reason.TIMEOUT: 1}
    assert stage.clouds.poller("a").questions[0].cancelled()
    assert stage.collector.latest()[0].outcome == report.outcome


def test_a_scrape_that_is_late_with_a_part(stage):
    """What is known is reported; only what is missing is a failure."""
    stage.start(configured("a"))
    task = stage.scrape(10)
    stage.clouds.progress[0].partial_result = Found(5)
    stage.loop.advance(10)
    (report,) = task.result()

    assert report.outcome.result.number == 5
    (missing,) = report.outcome.result.partial_failures
    assert missing.reason is Reason.TIMEOUT
    assert report.last_success == stage.clock()


def test_a_run_that_outlasts_a_scrape(stage):
    """Others still wait for it; the next scrape begins anew, and its result stays."""
    stage.start(configured("a"))
    patient = stage.scrape(100)
    hasty = stage.scrape(10)
    stage.loop.advance(10)
    assert hasty.result()[0].outcome.result.reason is Reason.TIMEOUT
    # The run goes on: it is no result yet.
    assert stage.collector.latest()[0].outcome is None

    next_scrape = stage.scrape(10)
    first, second = stage.clouds.poller("a").questions
    second.set_result(Found(2))
    stage.loop.step()
    assert next_scrape.result()[0].outcome.result == Found(2)
    first.set_result(Found(1))
    stage.loop.step()
    assert patient.result()[0].outcome.result == Found(1)
    assert stage.collector.latest()[0].outcome.result == Found(2)


def test_a_shutdown_ends_scrapes(stage):
    """Those that run end within the time that is left, and none is prolonged."""
    stage.start(configured("a", "b"))
    long, short = stage.scrape(100, only="a"), stage.scrape(2, only="b")
    stage.call(stage.collector.end_within, 5)
    stage.loop.advance(2)
    assert (long.done(), short.done()) == (False, True)
    stage.loop.advance(3)

    assert long.result()[0].outcome.result.reason is Reason.TIMEOUT


def test_a_reload_keeps_what_has_not_changed(stage):
    """Results and connections stay; failures are collected again."""
    stage.start(configured("a", "b", min_interval=60))
    good = stage.collected("a")
    stage.collected("b", CollectionError(FAILURE))
    client = stage.clouds.clients[0]
    stage.configure(configured("a", "b", min_interval=60))
    task = stage.scrape()
    stage.answer("b")

    assert task.result()[0].outcome is good.outcome
    assert task.result()[1].outcome.result == Found()
    assert stage.clouds.clients == [client]
    assert (client.tried_again, client.is_closed) == (1, False)
    assert len(stage.clouds.pollers) == 2


def test_a_reload_with_other_settings(stage):
    """A poller takes them, or is replaced."""
    stage.start(configured("a", min_interval=60))
    stage.collected()
    stage.configure(configured("a", min_interval=5, max_concurrent_requests=3))
    assert stage.collector.scheduler.max_in_flight == 3
    stage.loop.advance(5)
    stage.collected()
    assert len(stage.clouds.pollers) == 1

    stage.configure(configured("a", min_interval=5, page_size=50))
    stage.collected()
    assert len(stage.clouds.pollers) == 2
    assert stage.collector.configuration.collection.page_size == 50


def test_a_reload_of_clouds_and_projects(stage):
    """What is gone is closed and forgotten as soon as no scrape needs it any more."""
    moved = replace(OTC, region="eu-nl")
    stage.start(configured("a", "b", clouds=(OTC, OTHER)))
    otc, other = stage.clouds.clients
    for name in "ab":
        stage.telemetry.credential_expiry("otc", name, 1.0)
    stage.telemetry.request_queue("other", in_flight=lambda: 7, waiting=lambda: 0)
    running = stage.scrape(only="b")

    stage.configure(configured("a", clouds=(OTC,)))
    assert stage.gauge("requests_in_flight", cloud="other") is None
    expiry = "credential_expiry_timestamp_seconds"
    assert stage.gauge(expiry, cloud="otc", project="a") == 1
    assert stage.gauge(expiry, cloud="otc", project="b") is None
    # The scrape of `b` is still under way.
    assert (other.is_closed, otc.retained) == (False, None)
    stage.clouds.poller("b").questions[0].set_result(Found(4))
    stage.loop.step()
    assert running.result()[0].outcome.result == Found(4)
    assert (other.is_closed, otc.is_closed) == (True, False)
    assert otc.retained == {"a"}

    stage.configure(configured("a", clouds=(moved,)))
    assert otc.is_closed
    assert stage.clouds.clients[-1].cloud == moved
    assert stage.collected("a").target.project.cloud == moved


def test_closing_cancels_what_runs(stage):
    """Also what a reload has left to its scrapes."""
    stage.start(configured("a", "b"))
    tasks = [stage.scrape(only=name) for name in "ab"]
    stage.configure(configured("b", clouds=(OTC, OTHER)))

    async def close():
        stage.collector.configure(configured("b"))
        await stage.collector.aclose()
        return [client.is_closed for client in stage.clouds.clients]

    assert stage.loop.step(close()) == [[True, True]]
    assert all(
        question.cancelled()
        for poller in stage.clouds.pollers
        for question in poller.questions
    )
    for task in tasks:
        assert task.done()


MISSING_API = replace(FAILURE, operation="things", not_offered=True)


def test_an_api_that_the_cloud_does_not_offer(stage, logged):
    """It is no failure, is logged once, and asked for again every hour or after a reload."""
    stage.start(configured("a"))
    report = stage.collected(result=CollectionError(MISSING_API))
    assert report.outcome.result == NotOffered(MISSING_API)
    assert (report.reading, errors(report)) == (None, {})
    stage.loop.advance(3599)
    (again,) = stage.scrape().result()
    assert again.outcome == report.outcome
    (line,) = [line for line in logged() if "not offered" in line]
    assert "project=a" in line

    stage.loop.advance(1)
    stage.collected(result=CollectionError(MISSING_API))
    stage.configure(configured("a"))
    report = stage.collected()
    assert report.outcome.result == Found()
    assert stage.questions() == 3


def test_an_api_that_is_wanted_by_name(stage):
    """Where the cloud does not offer it, that is a failure, which is counted once."""
    named = Project(name="a", cloud=OTC, project_id="a", collectors=("things",))
    stage.start(configured(named))
    tasks = [stage.scrape(), stage.scrape()]
    stage.answer("a", CollectionError(MISSING_API))

    for task in tasks:
        (report,) = task.result()
        assert report.outcome.result == MISSING_API
        assert report.reading.snapshot is None
        assert errors(report) == {Reason.API: 1}
    assert stage.collector.latest()[0].outcome.result == MISSING_API


def test_projects_that_were_discovered(stage):
    """They are collected like any other, and those that are unavailable fail unasked."""
    stage.start(configured("a", min_interval=60))
    good = stage.collected("a")
    first, second, third = configured("a", "b", "c").projects
    stage.call(stage.collector.replace_projects, (first, second), {third: MISSING})
    task = stage.scrape()
    stage.answer("b")

    reports = {report.target.project.name: report for report in task.result()}
    assert reports["a"].outcome is good.outcome
    assert reports["b"].outcome.result == Found()
    assert reports["c"].outcome.result is MISSING
    assert errors(reports["c"]) == {Reason.PERMISSION: 1}
    assert stage.questions("c") == 0
    assert stage.collector.client_of("otc") is stage.clouds.clients[0]
    # No reload: rejected credentials are not tried again for it.
    assert stage.clouds.clients[0].tried_again == 0

    stage.configure(configured("a", "c", min_interval=60))
    assert stage.collected("c").outcome.result == Found()
