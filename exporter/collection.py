"""
Collections: one project's jobs of one kind, shared by the scrapes that want them.

A collection goes on for as long as a scrape waits for it and is canceled when the last
one has left. Whatever happens in it costs that project and kind alone.
"""

from __future__ import annotations

import asyncio
import time

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from .apis import V1_LISTINGS
from .budget import Budget, Deadline
from .client import CloudClient
from .config import Collection as Settings
from .config import Configuration, Project
from .errors import CollectionError, Failure, Reason
from .jobs import V1_STATUSES, Kind
from .listing import Answer, Habit, Listing, list_jobs
from .tally import empty_tally
from .telemetry import Telemetry


log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a collection ended: a listing or a failure, and the seconds that it took."""

    result: Listing | Failure
    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """What a scrape says of one project and kind."""

    project: Project
    kind: Kind
    outcome: Outcome
    errors: Mapping[Reason, int]
    last_success: float | None
    """Unix time of the last complete collection."""


@dataclass(slots=True, eq=False)
class _Run:
    """A collection under way, and the scrapes that wait for it."""

    deadline: Deadline
    started: float
    waiting: int = 0
    task: asyncio.Task[Outcome] = field(init=False)


class _Target:
    """One project and kind: its run, if there is one, and what is kept between runs."""

    def __init__(
        self,
        project: Project,
        kind: Kind,
        client: CloudClient,
        settings: Settings,
        telemetry: Telemetry,
    ) -> None:
        self.project = project
        self.kind = kind
        self._client = client
        self._settings = settings
        self._telemetry = telemetry
        self._bounds = tuple(round(bound * 1000) for bound in settings.duration_buckets)
        self._habit = Habit(settings.page_size)
        self._errors = dict.fromkeys(Reason, 0)
        self._last_success: float | None = None
        self._run: _Run | None = None
        self._finished: tuple[Outcome, float] | None = None

    def recent(self) -> Outcome | None:
        """Return the last outcome if it is young enough to be served again."""
        if self._finished is None:
            return None
        outcome, finished_at = self._finished
        age = _now() - finished_at
        return outcome if age < self._settings.min_interval else None

    def join(self, deadline: Deadline) -> _Run:
        """Wait for the run that is under way, or for a new one."""
        run = self._run
        if run is None or run.task.done():
            run = self._run = _Run(deadline, _now())
            run.task = asyncio.create_task(self._collect(run))
        else:
            run.deadline.extend(deadline)
            self._telemetry.coalesced()
        run.waiting += 1
        return run

    def leave(self, run: _Run) -> bool:
        """Wait no longer; return whether that canceled the run: nobody else waits."""
        run.waiting -= 1
        if run.waiting or run.task.done():
            return False
        if self._run is run:
            self._run = None
        return run.task.cancel()

    def outcome(self, run: _Run) -> Outcome:
        """Leave `run` and return how it ended; a timeout if it did not."""
        canceled = self.leave(run)
        if run.task.done() and not run.task.cancelled():
            return run.task.result()
        outcome = Outcome(_timeout(run), _now() - run.started)
        if canceled:
            self._finish(outcome)
        else:
            self._count(outcome)
        return outcome

    def abandon(self, run: _Run) -> None:
        """Leave `run` because the scrape went away."""
        if self.leave(run):
            self._errors[Reason.CANCELED] += 1

    async def aclose(self) -> None:
        """Cancel the run that is under way."""
        if self._run is not None:
            self._run.task.cancel()
            await asyncio.gather(self._run.task, return_exceptions=True)

    def report(self, outcome: Outcome) -> Report:
        """Return what a scrape says of this project and kind."""
        return Report(
            self.project, self.kind, outcome, dict(self._errors), self._last_success
        )

    async def _collect(self, run: _Run) -> Outcome:
        result = await self._list(run.deadline)
        outcome = Outcome(result, _now() - run.started)
        self._finish(outcome)
        return outcome

    async def _list(self, deadline: Deadline) -> Listing | Failure:
        fetch = partial(self._page, deadline)
        tally = partial(empty_tally, self._bounds, V1_STATUSES)
        try:
            return await list_jobs(fetch, self._habit, tally)
        except CollectionError as error:
            return error.failure
        except Exception:
            # Whatever we did not think of must not cost the other projects.
            log.exception("internal error", project=self.project.name, kind=self.kind)
            return Failure(
                reason=Reason.RESPONSE,
                problem="an error in the exporter itself",
                advice="report it with the lines logged above",
            )

    async def _page(self, deadline: Deadline, number: int, size: int) -> Answer:
        return await self._client.page(self.project, self.kind, deadline, number, size)

    def _finish(self, outcome: Outcome) -> None:
        self._finished = (outcome, _now())
        self._count(outcome)

    def _count(self, outcome: Outcome) -> None:
        if isinstance(outcome.result, Listing):
            self._last_success = time.time()
            log.debug(
                "collected",
                project=self.project.name,
                kind=self.kind,
                jobs=outcome.result.tally.number,
                seconds=round(outcome.seconds, 3),
            )
            return
        failure = outcome.result
        self._errors[failure.reason] += 1
        log.warning(
            "collection failed",
            project=self.project.name,
            cloud=self.project.cloud.name,
            kind=self.kind,
            api=failure.api or V1_LISTINGS[self.kind],
            reason=failure.reason,
            status=failure.status,
            error_code=failure.error_code,
            problem=failure.problem,
            advice=failure.advice,
        )


class Collector:
    """All projects' collections, under one budget."""

    def __init__(self, configuration: Configuration, telemetry: Telemetry) -> None:
        settings = configuration.collection
        budget = Budget(settings.max_concurrent_requests)
        self._clients = {
            cloud.name: CloudClient(cloud, budget, telemetry)
            for cloud in configuration.clouds
        }
        self._waits: set[asyncio.Timeout] = set()
        self._targets = [
            _Target(
                project, kind, self._clients[project.cloud.name], settings, telemetry
            )
            for project in configuration.projects
            for kind in project.kinds
        ]

    async def collect(self, seconds: float) -> list[Report]:
        """
        Return a report of every project and kind after at most `seconds`.

        What is not complete by then is reported as a failure with reason `timeout`.
        """
        deadline = Deadline(seconds)
        outcomes = {target: target.recent() for target in self._targets}
        runs = {
            target: target.join(deadline)
            for target, outcome in outcomes.items()
            if outcome is None
        }
        try:
            await self._wait(list(runs.values()), deadline)
        except asyncio.CancelledError:
            for target, run in runs.items():
                target.abandon(run)
            raise
        for target, run in runs.items():
            outcomes[target] = target.outcome(run)
        return [
            target.report(outcome)
            for target, outcome in outcomes.items()
            if outcome is not None
        ]

    def end_within(self, seconds: float) -> None:
        """Let every scrape that is under way end after at most `seconds`."""
        latest = _now() + seconds
        for wait in self._waits:
            wait.reschedule(min(latest, wait.when() or latest))

    async def aclose(self) -> None:
        """Cancel what is under way and close the clients of all clouds."""
        for target in self._targets:
            await target.aclose()
        for client in self._clients.values():
            await client.aclose()

    async def _wait(self, runs: Sequence[_Run], deadline: Deadline) -> None:
        try:
            async with asyncio.timeout_at(deadline.at) as wait:
                self._waits.add(wait)
                if runs:
                    await asyncio.wait([run.task for run in runs])
        except TimeoutError:
            pass
        finally:
            self._waits.discard(wait)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _timeout(run: _Run) -> Failure:
    return Failure(
        reason=Reason.TIMEOUT,
        problem=f"not complete when the scrape's time was over, after "
        f"{_now() - run.started:.1f} s",
        advice="raise scrape_timeout, or look for a slow or hanging API",
    )
