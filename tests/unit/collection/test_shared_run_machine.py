"""Scrapes that share runs, in any order of everything that can happen to them."""

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
    """Return what a collection found: nothing in particular, but not the last one's."""
    return Listing(empty_counts((), V1_STATUSES.values()))


class Client:
    """What stands for the client of a cloud: it is never asked."""

    def __init__(self, cloud, budget, telemetry, memory, clock):
        self.cloud = cloud
        self.clock = clock

    def session(self, project, deadline, record):
        """Return nothing: no poller here asks a cloud."""

    def try_credentials_again(self):
        """Do nothing: there are none."""

    async def retain(self, projects):
        """Do nothing: nothing is kept for a project."""

    async def aclose(self):
        """Do nothing: there are no connections."""


class Question:
    """A poller's question that is under way: the machine answers it."""

    def __init__(self, poller, progress):
        self.poller = poller
        self.progress = progress
        self.answer = asyncio.get_running_loop().create_future()
        self.ended = None
        """How the machine let it end."""

        self.outlasted_somebody = False


class Pollers:
    """What stands for the pollers: every question waits for the machine."""

    def __init__(self):
        self.under_way = []
        self.opened = {}
        """The newest poller of each project, by name."""

    def open(self, target, settings):
        """Return one project's poller."""
        buckets = settings.duration_buckets
        poller = SimpleNamespace(
            operation="training_jobs",
            reading=lambda snapshot: Reading(Labels(), snapshot),
            reconfigure=lambda settings: settings.duration_buckets == buckets,
            poll=lambda session, progress: self._ask(Question(poller, progress)),
        )
        self.opened[target.project.name] = poller
        return poller

    def newest(self, poller):
        """Return the question that was asked last of those that are under way."""
        asked = [one for one in self.under_way if one.poller is poller]
        return asked[-1] if asked else None

    async def _ask(self, question):
        self.under_way.append(question)
        try:
            return await question.answer
        finally:
            self.under_way.remove(question)


class Scrape:
    """A scrape, until when it may take, and the questions whose answers it awaits."""

    def __init__(self, task, until, questions):
        self.task = task
        self.until = until
        self.questions = questions

    def waits_for(self, question):
        """Return whether that is one of its questions."""
        return question in self.questions.values()


class SharedRunMachine(RuleBasedStateMachine):
    """
    Every scrape ends in time, with the answers to its questions.

    A question is asked exactly as long as a scrape waits for its answer.
    """

    def __init__(self):
        super().__init__()
        self.loop = SteppedLoop()
        self.pollers = Pollers()
        self.patches = contextlib.ExitStack()
        self.patches.enter_context(
            mock.patch("exporter.collection.collector.CloudClient", Client)
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
        asked = list(self.pollers.under_way)
        task = self.loop.create_task(
            self.collector.collect(
                seconds, lambda target: only in {None, target.project.name}
            )
        )
        self.loop.step()
        questions = {
            name: self.pollers.newest(poller) for name, poller in pollers.items()
        }
        for question in questions.values():
            # Who comes later does not wait for what outlasted somebody.
            others = [one for one in asked if one.poller is question.poller]
            if len(others) < 2:
                assert not question.outlasted_somebody
            assert len(others) <= 2
        return Scrape(task, self.loop.time() + seconds, questions)

    @rule(
        seconds=st.sampled_from([0.1, 1.0, 10.0, 300.0]),
        count=st.integers(1, 3),
        only=st.sampled_from([None, "a", "b"]),
    )
    def scrape(self, seconds, count, only):
        """Some scrapes come."""
        self.open += [self._scrape(seconds, only) for _ in range(count)]

    @precondition(lambda self: self.open)
    @rule(data=st.data(), coming=st.booleans())
    def leave(self, data, coming):
        """Clients go away, all in the same tick; in that, too, another one comes."""
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

    @precondition(lambda self: self.pollers.under_way)
    @rule(
        data=st.data(),
        result=st.sampled_from(["listing", "failure", "error", "canceled"]),
        leaving=st.booleans(),
        late=st.booleans(),
    )
    def end(self, data, result, leaving, late):
        """Runs end, perhaps in the tick in which somebody leaves or a time is over."""
        ending = data.draw(
            st.lists(st.sampled_from(self.pollers.under_way), min_size=1, unique_by=id)
        )
        for question in ending:
            question.ended = result
            match result:
                case "listing":
                    question.answer.set_result(listing())
                case "failure":
                    question.answer.set_exception(CollectionError(FAILURE))
                case "error":
                    question.answer.set_exception(UnexpectedError)
                case "canceled":
                    question.answer.cancel()
        if leaving and self.open:
            data.draw(st.sampled_from(self.open)).task.cancel()
        if late:
            self.loop.advance(1.0)
        self.loop.step()

    @precondition(lambda self: self.pollers.under_way)
    @rule(data=st.data())
    def stand(self, data):
        """The jobs are there; what goes with them is still asked for."""
        data.draw(
            st.sampled_from(self.pollers.under_way)
        ).progress.partial_result = PartialResult(listing())

    @rule(seconds=st.sampled_from([0.1, 1.0, 10.0, 100.0]))
    def wait(self, seconds):
        """Time passes, and that of some scrapes is over."""
        self.loop.advance(seconds)

    @precondition(lambda self: len(self.open) > 2)
    @rule(
        projects=st.sampled_from([PROJECTS, PROJECTS[:1], PROJECTS[1:], ()]),
        bounds=st.sampled_from([(60.0,), (120.0,)]),
    )
    def reload(self, projects, bounds):
        """The configuration changes: projects come, go and start anew."""

        async def configure():
            self.collector.configure(
                self._configuration(projects, duration_buckets=bounds)
            )

        self.loop.step(configure())

    @precondition(lambda self: len(self.open) > 4)
    @rule()
    def close_and_start_again(self):
        """The exporter ends under its scrapes, and another one begins."""
        for question in self.pollers.under_way:
            question.ended = "canceled"
        self.loop.step(self.collector.aclose())
        self._look_at_what_ended()
        assert not self.open
        assert not self.pollers.under_way
        assert not self.loop.tasks()
        self.loop.step(self._start())

    @invariant()
    def asks_while_somebody_waits(self):
        """Questions are asked for those who wait, and nobody waits without one."""
        self._look_at_what_ended()
        for scrape in self.open:
            assert self.loop.time() < scrape.until
            assert any(map(scrape.waits_for, self.pollers.under_way))
        for question in self.pollers.under_way:
            assert any(scrape.waits_for(question) for scrape in self.open)
        if not self.open:
            assert not self.loop.tasks()
        assert not self.loop.errors

    def _look_at_what_ended(self):
        ended = [scrape for scrape in self.open if scrape.task.done()]
        self.open = [scrape for scrape in self.open if not scrape.task.done()]
        for scrape in ended:
            if scrape.task.cancelled():
                continue
            reports = {one.target.project.name: one for one in scrape.task.result()}
            assert reports.keys() == scrape.questions.keys()
            for name, question in scrape.questions.items():
                result = reports[name].outcome.result
                if question.ended is None:
                    question.outlasted_somebody = True
                    assert self.loop.time() >= scrape.until
                self._check_result(question, result)

    @staticmethod
    def _check_result(question, result):
        match question.ended:
            case None | "canceled":
                why = (
                    result
                    if isinstance(result, Failure)
                    else result.partial_failures[0]
                )
                assert why.reason is Reason.TIMEOUT
                assert (result is why) == (question.progress.partial_result is None)
            case "listing":
                assert result is question.answer.result()
            case "failure":
                assert result is FAILURE
            case "error":
                assert result.reason is Reason.RESPONSE

    def teardown(self):
        """Whatever happened: the next scrape is whole, and nothing is left."""
        try:
            for scrape in self.open:
                scrape.task.cancel()
            self.loop.step()
            self._look_at_what_ended()
            scrape = self._scrape(10.0, None)
            for question in list(self.pollers.under_way):
                question.ended = "listing"
                question.answer.set_result(listing())
            self.loop.step()
            assert scrape.task.done()
            self.open.append(scrape)
            self._look_at_what_ended()
            self.loop.step(self.collector.aclose())
        finally:
            self.patches.close()
            self.loop.end()


TestSharedRuns = SharedRunMachine.TestCase
TestSharedRuns.settings = settings(max_examples=examples(80), stateful_step_count=40)
