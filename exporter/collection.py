"""
One project's jobs of one kind: their collection, shared by the scrapes that want it.

A collection goes on for as long as a scrape waits for it and is canceled when the last
one has left. Whatever happens in it costs that project and kind alone.
"""

from __future__ import annotations

import asyncio
import time

from dataclasses import dataclass, field
from typing import Final

import structlog

from .budget import Deadline
from .client import CloudClient
from .config import Collection as Settings
from .config import Project
from .errors import Failure, Reason
from .failurelog import FailureLog
from .jobs import Kind
from .report import Latest, Outcome, Report
from .survey import Progress, Survey, attempt
from .telemetry import Telemetry


log: Final = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Run:
    """A collection under way, and the scrapes that wait for it."""

    progress: Progress
    started: float
    waiting: int = 0
    task: asyncio.Task[Outcome] = field(init=False)


@dataclass(frozen=True, slots=True)
class Finished:
    """How the last run ended, when on the event loop's clock, and in Unix time."""

    outcome: Outcome
    at: float
    timestamp: float


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
        self._survey = Survey(project, kind, client, settings)
        self._settings = settings
        self._telemetry = telemetry
        self._log = FailureLog(project, kind, self._survey.api.api)
        self._errors = dict.fromkeys(Reason, 0)
        self._last_success: float | None = None
        self._run: Run | None = None
        self._finished: Finished | None = None

    def recent(self) -> Outcome | None:
        """Return the last outcome if it is young enough to be served again."""
        finished = self._finished
        if finished is None or _now() - finished.at >= self._settings.min_interval:
            return None
        return finished.outcome

    def join(self, deadline: Deadline) -> Run:
        """Wait for the run that is under way, or for a new one."""
        run = self._run
        if run is None or run.task.done():
            # A deadline of its own: a scrape that joins later may extend it.
            run = self._run = Run(Progress(Deadline(deadline.remaining)), _now())
            run.task = asyncio.create_task(self._collect(run))
        else:
            run.progress.deadline.extend(deadline)
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
        """
        Leave `run` and return how it ended.

        If it did not, that is a timeout: of all, or of what goes with the jobs.
        """
        canceled = self.leave(run)
        if run.task.done() and not run.task.cancelled():
            return run.task.result()
        timeout = _timeout(run)
        stands = run.progress.listing
        result = stands and stands.interrupted(timeout)
        outcome = Outcome(result or timeout, _now() - run.started)
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
        buckets = self._settings.duration_buckets
        return (self.project, self.kind, buckets) == (
            project,
            kind,
            settings.duration_buckets,
        )

    def reconfigure(self, settings: Settings) -> None:
        """Go on with other settings, from the next collection on."""
        self._settings = settings
        self._survey.reconfigure(settings)

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
            self.project,
            self.kind,
            outcome,
            dict(self._errors),
            self._last_success,
            self._survey.ended,
        )

    @property
    def latest(self) -> Latest:
        """The last collection, if there was one."""
        finished = self._finished
        return Latest(
            self.project,
            self.kind,
            finished.outcome if finished else None,
            finished.timestamp if finished else 0.0,
            self._last_success,
        )

    async def _collect(self, run: Run) -> Outcome:
        try:
            result = await attempt(self._survey.ask(run.progress))
        except Exception:
            # Whatever we did not think of must not cost the other projects.
            log.exception("internal error", project=self.project.name, kind=self.kind)
            result = Failure(
                reason=Reason.RESPONSE,
                problem="an error in the exporter itself",
                advice="report it with the lines logged above",
            )
        outcome = Outcome(result, _now() - run.started)
        self._finish(outcome)
        return outcome

    def _finish(self, outcome: Outcome) -> None:
        self._finished = Finished(outcome, _now(), time.time())
        self._count(outcome)

    def _count(self, outcome: Outcome) -> None:
        result = outcome.result
        if isinstance(result, Failure):
            self._errors[result.reason] += 1
            self._log.failed(result)
            return
        self._last_success = time.time()
        for shortfall in result.shortfalls:
            self._errors[shortfall.reason] += 1
        self._log.succeeded(result.tally.number, outcome.seconds, result.shortfalls)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _timeout(run: Run) -> Failure:
    return Failure(
        reason=Reason.TIMEOUT,
        problem=f"not complete when the scrape's time was over, after "
        f"{_now() - run.started:.1f} s",
        advice="raise scrape_timeout, or look for a slow or hanging API",
    )
