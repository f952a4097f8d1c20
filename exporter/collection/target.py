"""
Collects one target; concurrent scrapes share a run.

An error in it affects that target only.
"""

from __future__ import annotations

import asyncio

from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from ..cloud.client import CloudClient
from ..collectors.base import Progress, Snapshot, Target
from ..config import CollectionSettings
from ..deadline import Deadline
from ..errors import CollectionError, Failure, Reason
from ..exchange import RequestRecord
from ..metrics.telemetry import Telemetry
from .containment import INTERNAL_ERROR
from .failure_log import FailureLog
from .grouped_log import GroupedLog
from .offers import Absent, NotPermitted, judged
from .results import Latest, Outcome, Report
from .shared_run import SharedRun, SharedRuns
from .target_labels import TargetLabels


log: Final = structlog.get_logger(__name__)


_SECONDS_WHILE_ABSENT: Final = 3600.0
"""How long an API that is not offered, or may not be read, is not asked for again."""


@dataclass(slots=True)
class RunProgress(Progress):
    """How far a run has got, and its requests."""

    record: RequestRecord = field(default_factory=RequestRecord)


Run = SharedRun[RunProgress, Outcome]
"""A running collection that scrapes wait for."""


@dataclass(frozen=True, slots=True)
class Finished:
    """
    The outcome of the last run.

    `started` and `at` (its end) are on the event loop's clock, `timestamp` is the end in
    Unix time. If it is expired, it is not served again, whatever its age.
    """

    outcome: Outcome
    started: float
    at: float
    timestamp: float
    is_expired: bool = False


class TargetState:
    """One target: its current runs, and the state between runs."""

    def __init__(
        self,
        target: Target,
        client: CloudClient,
        settings: CollectionSettings,
        telemetry: Telemetry,
        grouped_log: GroupedLog,
    ) -> None:
        self.target = target
        self.known_failure: Failure | None = None
        """Why nothing can be asked for; None if it can."""
        self._client = client
        self._clock = client.clock
        self._poller = target.product.open(target, settings)
        self._settings = settings
        self._telemetry = telemetry
        self._log = FailureLog(target, self._poller.operation, grouped_log)
        self._labels = TargetLabels(target)
        self._errors = dict.fromkeys(Reason, 0)
        self._last_success: float | None = None
        self._runs: SharedRuns[RunProgress, Outcome] = SharedRuns(self._collect)
        self._finished: Finished | None = None

    def recent(self) -> Outcome | None:
        """
        Return the last outcome if it need not be renewed yet.

        That is for `min_interval`, and for an hour if there was nothing to collect.
        """
        finished = self._finished
        if finished is None or finished.is_expired:
            return None
        if isinstance(finished.outcome.result, Absent):
            age = self._clock() - finished.timestamp
            is_recent = 0 <= age < _SECONDS_WHILE_ABSENT
        else:
            is_recent = _now() - finished.at < self._settings.min_interval
        return finished.outcome if is_recent else None

    def join(self, deadline: Deadline) -> Run:
        """Join the current run, or start one."""
        run = self._runs.current
        if run is None:
            # Its own deadline, which scrapes that join later may extend.
            run = self._runs.start(RunProgress(Deadline(deadline.remaining)))
        else:
            run.progress.deadline.extend(deadline)
            self._telemetry.coalesced()
        run.join()
        return run

    def outcome(self, run: Run) -> Outcome:
        """
        Return the outcome of `run`.

        If it still runs, that is a timeout: a failure, or a partial one if only data is
        missing that the rest does not depend on.
        """
        if run.result is not None:
            return run.result
        timeout = _timeout(run)
        partial_result = run.progress.partial_result
        result = partial_result.frozen([timeout]) if partial_result else timeout
        return _outcome(run, result)

    def leave(self, run: Run, outcome: Outcome) -> None:
        """Leave `run` at the scrape's deadline; the scrape reports `outcome`."""
        if run.result is not None:
            run.leave()
            return
        run.is_overdue = True
        if run.leave():
            self._finish(run, outcome)
        self._count(outcome)

    def abandon(self, run: Run) -> None:
        """Leave `run`, since the scraper disconnected."""
        if run.leave():
            self._errors[Reason.CANCELED] += 1

    def reconfigure(self, settings: CollectionSettings) -> bool:
        """Use other settings from the next collection on; False if it cannot."""
        if not self._poller.reconfigure(settings):
            return False
        self._settings = settings
        return True

    def expire_failure(self) -> None:
        """Ask again what failed or was absent: its cause may have been fixed."""
        finished = self._finished
        if finished is not None and isinstance(
            finished.outcome.result, Failure | Absent
        ):
            self._finished = replace(finished, is_expired=True)

    async def ended(self) -> None:
        """Wait until all runs have ended."""
        await self._runs.ended()

    async def aclose(self) -> None:
        """Cancel all runs."""
        await self._runs.aclose()

    def report(self, outcome: Outcome) -> Report:
        """Return what a scrape reports about this target."""
        result = outcome.result
        report = Report(
            self.target,
            self._labels,
            outcome,
            dict(self._errors),
            self._last_success,
        )
        if isinstance(result, Absent):
            return report
        try:
            reading = self._poller.reading(
                None if isinstance(result, Failure) else result
            )
        except Exception:
            target = self.target
            log.exception(
                "internal error",
                project=target.project.name,
                kind=target.kind,
                api_version=target.api_version,
            )
            return self.replace_outcome(report.failed(INTERNAL_ERROR))
        return replace(report, reading=reading)

    def absent(self, outcome: Outcome, *, is_failure: bool) -> Outcome:
        """Take note that there is nothing to collect; return what a scrape reports."""
        result = outcome.result
        if not isinstance(result, Absent):
            return outcome
        if not is_failure:
            self._log.absent(result)
            return outcome
        failed = replace(outcome, result=result.failure)
        # Scrapes that share a run report the same failure, which is counted once.
        if self._finished is not None and self._finished.outcome is outcome:
            self._finished = replace(self._finished, outcome=failed)
            self._count(failed)
        return failed

    def replace_outcome(self, report: Report) -> Report:
        """Replace the last outcome by that of `report`; return the report with updated counts."""
        if self._finished is not None:
            self._finished = replace(self._finished, outcome=report.outcome)
        self._count(report.outcome)
        return replace(report, errors=dict(self._errors))

    @property
    def latest(self) -> Latest:
        """The last collection, if there was one."""
        finished = self._finished
        return Latest(
            self.target,
            finished.outcome if finished else None,
            finished.timestamp if finished else 0.0,
            self._last_success,
        )

    async def _collect(self, run: Run) -> Outcome:
        outcome = _outcome(run, await self._poll(run.progress))
        if not run.is_canceled:
            self._finish(run, outcome)
            self._count(outcome)
        return outcome

    async def _poll(self, progress: RunProgress) -> Snapshot | Failure | Absent:
        if self.known_failure is not None:
            return self.known_failure
        session = self._client.session(
            self.target.project, progress.deadline, progress.record
        )
        try:
            return await self._poller.poll(session, progress)
        except CollectionError as error:
            return self._judged(error.failure)
        except Exception:
            # An unexpected error must not affect the other targets.
            target = self.target
            log.exception(
                "internal error",
                project=target.project.name,
                kind=target.kind,
                api_version=target.api_version,
            )
            return INTERNAL_ERROR

    def _judged(self, failure: Failure) -> Failure | Absent:
        found = judged(failure, self.target, self._poller.operation)
        if isinstance(found, NotPermitted) and self._last_success is not None:
            # It was permitted before, so somebody has to know.
            return failure
        return found

    def _finish(self, run: Run, outcome: Outcome) -> None:
        # An overdue run may end after a newer one.
        if self._finished is None or self._finished.started <= run.started:
            self._finished = Finished(outcome, run.started, _now(), self._clock())

    def _count(self, outcome: Outcome) -> None:
        result = outcome.result
        if isinstance(result, Absent):
            return
        if isinstance(result, Failure):
            self._errors[result.reason] += 1
            self._log.failed(result)
            return
        self._last_success = self._clock()
        for partial_failure in result.partial_failures:
            self._errors[partial_failure.reason] += 1
        self._log.succeeded(result.number, outcome.seconds, result.partial_failures)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _outcome(run: Run, result: Snapshot | Failure | Absent) -> Outcome:
    return Outcome(result, _now() - run.started, run.started, run.progress.record)


def _timeout(run: Run) -> Failure:
    return Failure(
        reason=Reason.TIMEOUT,
        problem=f"not complete at the scrape's deadline, after "
        f"{_now() - run.started:.1f} s",
        advice="raise scrape_timeout, or look for a slow or hanging API",
    )
