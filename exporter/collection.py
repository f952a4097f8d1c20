"""
One project's jobs of one kind: their collection, shared by the scrapes that want it.

A collection goes on for as long as a scrape waits for it and is canceled when the last
one has left. Whatever happens in it costs that project and kind alone.
"""

from __future__ import annotations

import asyncio
import time

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from .budget import Deadline
from .client import CloudClient
from .config import Collection as Settings
from .config import Project
from .errors import CollectionError, Failure, Reason
from .failurelog import FailureLog
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
class Run:
    """A collection under way, and the scrapes that wait for it."""

    deadline: Deadline
    started: float
    waiting: int = 0
    task: asyncio.Task[Outcome] = field(init=False)


class Target:
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
        self.settings = settings
        self._client = client
        self._telemetry = telemetry
        self._bounds = tuple(round(bound * 1000) for bound in settings.duration_buckets)
        self._habit = Habit(settings.page_size)
        self._log = FailureLog(project, kind)
        self._errors = dict.fromkeys(Reason, 0)
        self._last_success: float | None = None
        self._run: Run | None = None
        self._finished: tuple[Outcome, float] | None = None

    def recent(self) -> Outcome | None:
        """Return the last outcome if it is young enough to be served again."""
        if self._finished is None:
            return None
        outcome, finished_at = self._finished
        age = _now() - finished_at
        return outcome if age < self.settings.min_interval else None

    def join(self, deadline: Deadline) -> Run:
        """Wait for the run that is under way, or for a new one."""
        run = self._run
        if run is None or run.task.done():
            # A deadline of its own: a scrape that joins later may extend it.
            run = self._run = Run(Deadline(deadline.remaining), _now())
            run.task = asyncio.create_task(self._collect(run))
        else:
            run.deadline.extend(deadline)
            self._telemetry.coalesced()
        run.waiting += 1
        return run

    def leave(self, run: Run) -> bool:
        """Wait no longer; return whether that canceled the run: nobody else waits."""
        run.waiting -= 1
        if run.waiting or run.task.done():
            return False
        if self._run is run:
            self._run = None
        return run.task.cancel()

    def outcome(self, run: Run) -> Outcome:
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

    def abandon(self, run: Run) -> None:
        """Leave `run` because the scrape went away."""
        if self.leave(run):
            self._errors[Reason.CANCELED] += 1

    def fits(self, project: Project, kind: Kind, settings: Settings) -> bool:
        """Tell whether this target can go on with another configuration."""
        return (
            (self.project, self.kind) == (project, kind)
            and self.settings.page_size == settings.page_size
            and self.settings.duration_buckets == settings.duration_buckets
        )

    async def ended(self) -> None:
        """Wait until the run that is under way, if there is one, has ended."""
        if self._run is not None:
            await asyncio.wait([self._run.task])

    async def aclose(self) -> None:
        """Cancel the run that is under way."""
        if self._run is not None:
            self._run.task.cancel()
            await self.ended()

    def report(self, outcome: Outcome) -> Report:
        """Return what a scrape says of this project and kind."""
        return Report(
            self.project, self.kind, outcome, dict(self._errors), self._last_success
        )

    async def _collect(self, run: Run) -> Outcome:
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
            self._log.succeeded(outcome.result.tally.number, outcome.seconds)
        else:
            self._errors[outcome.result.reason] += 1
            self._log.failed(outcome.result)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _timeout(run: Run) -> Failure:
    return Failure(
        reason=Reason.TIMEOUT,
        problem=f"not complete when the scrape's time was over, after "
        f"{_now() - run.started:.1f} s",
        advice="raise scrape_timeout, or look for a slow or hanging API",
    )
