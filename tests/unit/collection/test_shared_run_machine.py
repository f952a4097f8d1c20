"""Scrapes that share runs, with events in any order."""

import asyncio
import contextlib

from types import SimpleNamespace
from unittest import mock

from examples import examples
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from stepped import SteppedLoop, UnexpectedError

from exporter.collection.collector import Collector
from exporter.collectors.base import Product, Reading, Registry
from exporter.collectors.jobs.aggregates import empty_counts
from exporter.collectors.jobs.listing import Listing, PartialResult
from exporter.collectors.jobs.statuses import V1_STATUSES
from exporter.config import (
    Cloud,
    CollectionSettings,
    Configuration,
    PasswordAuth,
    Project,
    Secret,
)
from exporter.errors import CollectionError, Failure, Reason
from exporter.metrics.labels import Labels
from exporter.metrics.telemetry import Telemetry


CLOUD = Cloud(
    name="otc",
    region="eu-de",
    iam_url="http://127.0.0.1:9",
    modelarts_url="http://127.0.0.1:9",
    auth=PasswordAuth(username="u", password=Secret("p"), domain="d"),
)
PROJECTS = tuple(Project(name=name, cloud=CLOUD, project_id=name) for name in "ab")
FAILURE = Failure(reason=Reason.API, problem="broken", advice="wait")


def listing():
    """Return a new, empty listing."""
    return Listing(empty_counts((), V1_STATUSES.values()))


class FakeClient:
    """A fake client of a cloud, which sends no requests."""

    def __init__(self, cloud, budget, telemetry, memory, clock):
        self.cloud = cloud
        self.clock = clock

    def session(self, project, deadline, record):
        """Return nothing: no poller here uses a session."""

    def try_credentials_again(self):
        """Do nothing: there are no credentials."""

    async def retain(self, projects):
        """Do nothing: nothing is kept for a project."""

    async def aclose(self):
        """Do nothing: there are no connections."""


class Poll:
    """A poll that is running until the machine answers it."""

    def __init__(self, poller, progress):
        self.poller = poller
        self.progress = progress
        self.answer = asyncio.get_running_loop().create_future()
        self.ended = None
        """How the machine ended the poll."""

        self.outlasted_a_scrape = False


class FakePollers:
    """Fake pollers, whose polls wait for the machine."""

    def __init__(self):
        self.running = []
        self.opened = {}
        """The newest poller of each project, by name."""

    def open(self, target, settings):
        """Return a project's poller."""
        buckets = settings.duration_buckets
        poller = SimpleNamespace(
            operation="training_jobs",
            reading=lambda snapshot: Reading(Labels(), snapshot),
            reconfigure=lambda settings: settings.duration_buckets == buckets,
            poll=lambda session, progress: self._poll(Poll(poller, progress)),
        )
        self.opened[target.project.name] = poller
        return poller

    def newest(self, poller):
        """Return the poller's newest running poll."""
        running_before = [one for one in self.running if one.poller is poller]
        return running_before[-1] if running_before else None

    async def _poll(self, poll):
        self.running.append(poll)
        try:
            return await poll.answer
        finally:
            self.running.remove(poll)


class Scrape:
    """A scrape with its deadline, and the polls it waits for."""

    def __init__(self, task, until, polls):
        self.task = task
        self.until = until
        self.polls = polls

    def waits_for(self, poll):
        """Return whether the scrape waits for this poll."""
        return poll in self.polls.values()


class SharedRunMachine(RuleBasedStateMachine):
    """
    Every scrape ends in time, with the results of its polls.

    A poll runs exactly as long as a scrape waits for it.
    """

    def __init__(self):
        super().__init__()
        self.loop = SteppedLoop()
        self.pollers = FakePollers()
        self.patches = contextlib.ExitStack()
        self.patches.enter_context(
            mock.patch("exporter.collection.collector.CloudClient", FakeClient)
        )
        product = Product(
            name="training_jobs",
            kind="training",
            title="Training jobs",
            noun="jobs",
            api_versions=("v1",),
            open=self.pollers.open,
            families=lambda readings: (),
        )
        self.registry = Registry((product,))
        self.open = []
        self.loop.step(self._start())

    async def _start(self):
        self.collector = Collector(
            self._configuration(PROJECTS),
            Telemetry(),
            self.registry,
            self.loop.time,
        )

    def _configuration(self, projects, **collection):
        return Configuration(
            clouds=(CLOUD,),
            projects=projects,
            collection=CollectionSettings(**collection),
        )

    def _pollers(self, only):
        return {
            project.name: self.pollers.opened[project.name]
            for project in self.collector.configuration.projects
            if only in {None, project.name}
        }

    def _scrape(self, seconds, only):
        pollers = self._pollers(only)
        running_before = list(self.pollers.running)
        task = self.loop.create_task(
            self.collector.collect(
                seconds, lambda target: only in {None, target.project.name}
            )
        )
        self.loop.step()
        polls = {name: self.pollers.newest(poller) for name, poller in pollers.items()}
        for poll in polls.values():
            # A later scrape does not wait for a poll that outlasted another.
            others = [one for one in running_before if one.poller is poll.poller]
            if len(others) < 2:
                assert not poll.outlasted_a_scrape
            assert len(others) <= 2
        return Scrape(task, self.loop.time() + seconds, polls)

    @rule(
        seconds=st.sampled_from([0.1, 1.0, 10.0, 300.0]),
        count=st.integers(1, 3),
        only=st.sampled_from([None, "a", "b"]),
    )
    def scrape(self, seconds, count, only):
        """Some scrapes start."""
        self.open += [self._scrape(seconds, only) for _ in range(count)]

    @precondition(lambda self: self.open)
    @rule(data=st.data(), coming=st.booleans())
    def leave(self, data, coming):
        """Scrapes are canceled in one tick, in which another may start."""
        leaving = data.draw(
            st.lists(st.sampled_from(self.open), min_size=1, unique_by=id)
        )
        for scrape in leaving:
            scrape.task.cancel()
        if coming:
            self.open.append(self._scrape(10.0, None))
        self.loop.step()
        for scrape in leaving:
            assert scrape.task.done()

    @precondition(lambda self: self.pollers.running)
    @rule(
        data=st.data(),
        result=st.sampled_from(["listing", "failure", "error", "canceled"]),
        leaving=st.booleans(),
        late=st.booleans(),
    )
    def end(self, data, result, leaving, late):
        """Polls end, perhaps in the tick in which a scrape is canceled or times out."""
        ending = data.draw(
            st.lists(st.sampled_from(self.pollers.running), min_size=1, unique_by=id)
        )
        for poll in ending:
            poll.ended = result
            match result:
                case "listing":
                    poll.answer.set_result(listing())
                case "failure":
                    poll.answer.set_exception(CollectionError(FAILURE))
                case "error":
                    poll.answer.set_exception(UnexpectedError)
                case "canceled":
                    poll.answer.cancel()
        if leaving and self.open:
            data.draw(st.sampled_from(self.open)).task.cancel()
        if late:
            self.loop.advance(1.0)
        self.loop.step()

    @precondition(lambda self: self.pollers.running)
    @rule(data=st.data())
    def publish_partial_result(self, data):
        """A poll has collected its jobs, and still waits for the rest."""
        data.draw(
            st.sampled_from(self.pollers.running)
        ).progress.partial_result = PartialResult(listing())

    @rule(seconds=st.sampled_from([0.1, 1.0, 10.0, 100.0]))
    def wait(self, seconds):
        """Time passes, and some scrapes time out."""
        self.loop.advance(seconds)

    @precondition(lambda self: len(self.open) > 2)
    @rule(
        projects=st.sampled_from([PROJECTS, PROJECTS[:1], PROJECTS[1:], ()]),
        bounds=st.sampled_from([(60.0,), (120.0,)]),
    )
    def reload(self, projects, bounds):
        """The configuration changes: projects come and go, or start over."""

        async def configure():
            self.collector.configure(
                self._configuration(projects, duration_buckets=bounds)
            )

        self.loop.step(configure())

    @precondition(lambda self: len(self.open) > 4)
    @rule()
    def close_and_start_again(self):
        """The exporter is closed while scrapes run, and another one starts."""
        for poll in self.pollers.running:
            poll.ended = "canceled"
        self.loop.step(self.collector.aclose())
        self._check_ended()
        assert not self.open
        assert not self.pollers.running
        assert not self.loop.tasks()
        self.loop.step(self._start())

    @invariant()
    def polls_only_for_waiting_scrapes(self):
        """Every poll has a scrape that waits for it, and vice versa."""
        self._check_ended()
        for scrape in self.open:
            assert self.loop.time() < scrape.until
            assert any(map(scrape.waits_for, self.pollers.running))
        for poll in self.pollers.running:
            assert any(scrape.waits_for(poll) for scrape in self.open)
        if not self.open:
            assert not self.loop.tasks()
        assert not self.loop.errors

    def _check_ended(self):
        ended = [scrape for scrape in self.open if scrape.task.done()]
        self.open = [scrape for scrape in self.open if not scrape.task.done()]
        for scrape in ended:
            if scrape.task.cancelled():
                continue
            reports = {one.target.project.name: one for one in scrape.task.result()}
            assert reports.keys() == scrape.polls.keys()
            for name, poll in scrape.polls.items():
                result = reports[name].outcome.result
                if poll.ended is None:
                    poll.outlasted_a_scrape = True
                    assert self.loop.time() >= scrape.until
                self._check_result(poll, result)

    @staticmethod
    def _check_result(poll, result):
        match poll.ended:
            case None | "canceled":
                why = (
                    result
                    if isinstance(result, Failure)
                    else result.partial_failures[0]
                )
                assert why.reason is Reason.TIMEOUT
                assert (result is why) == (poll.progress.partial_result is None)
            case "listing":
                assert result is poll.answer.result()
            case "failure":
                assert result is FAILURE
            case "error":
                assert result.reason is Reason.RESPONSE

    def teardown(self):
        """Whatever happened, the next scrape is complete, and nothing leaks."""
        try:
            for scrape in self.open:
                scrape.task.cancel()
            self.loop.step()
            self._check_ended()
            scrape = self._scrape(10.0, None)
            for poll in list(self.pollers.running):
                poll.ended = "listing"
                poll.answer.set_result(listing())
            self.loop.step()
            assert scrape.task.done()
            self.open.append(scrape)
            self._check_ended()
            self.loop.step(self.collector.aclose())
        finally:
            self.patches.close()
            self.loop.end()


TestSharedRuns = SharedRunMachine.TestCase
TestSharedRuns.settings = settings(max_examples=examples(80), stateful_step_count=40)
