"""
Decides when a target's failures are logged: when they start, change, last and end.

A project that fails for an hour causes one line at the start, one at the end and one
every ten minutes in between, not one per scrape.
"""

from __future__ import annotations

import asyncio

from collections.abc import Sequence
from typing import Final

import structlog

from ..collectors.base import Target
from ..errors import Failure
from .grouped_log import FailureLine, GroupedLog, RecoveryLine
from .offers import Absent, NotPermitted


log: Final = structlog.get_logger(__name__)

_SUMMARY_SECONDS: Final = 600.0


class FailureLog:
    """The failures of one target, for `log`; `operation` lists its objects."""

    def __init__(self, target: Target, operation: str, log: GroupedLog) -> None:
        self._target = target
        self._failures = _Ongoing(target, operation, "collection failed", log)
        self._partial_failures = _Ongoing(
            target,
            operation,
            f"{target.product.noun} collected, but not everything else",
            log,
        )
        self._absence: type[Absent] | None = None

    def succeeded(
        self, number: int, seconds: float, partial_failures: Sequence[Failure] = ()
    ) -> None:
        """Log a complete collection: at level debug, or info after a failure."""
        self._absence = None
        self._failures.ended("collection recovered")
        if partial_failures:
            self._partial_failures.occurred(partial_failures[0])
        else:
            self._partial_failures.ended("recovered")
        log.debug(
            "collected",
            project=self._target.project.name,
            kind=self._target.kind,
            api_version=self._target.api_version,
            **{self._target.product.noun: number},
            seconds=round(seconds, 3),
        )

    def failed(self, failure: Failure) -> None:
        """Log a failure, unless the same one was logged in the last ten minutes."""
        self._absence = None
        self._failures.occurred(failure)

    def absent(self, why: Absent) -> None:
        """Log why there is nothing to collect, once until that changes."""
        self._failures.ended("collection ended")
        failure = why.failure
        if self._absence is not type(why):
            log.info(
                why.event,
                project=self._target.project.name,
                cloud=self._target.project.cloud.name,
                kind=self._target.kind,
                api_version=self._target.api_version,
                api=failure.operation,
                path=failure.path,
                status=failure.status,
                error_code=failure.error_code,
                request_id=failure.request_id,
                advice=failure.advice if isinstance(why, NotPermitted) else None,
            )
        self._absence = type(why)


class _Ongoing:
    """A failure that may last, and when it was last logged."""

    def __init__(
        self, target: Target, operation: str, event: str, log: GroupedLog
    ) -> None:
        self._log = log
        self._target = target
        self._operation = operation
        self._event = event
        self._failures = 0
        self._last: Failure | None = None
        self._since = 0.0
        self._logged: tuple[object, ...] = ()
        self._logged_at = 0.0

    def occurred(self, failure: Failure) -> None:
        now = _now()
        if not self._failures:
            self._since = now
        self._failures += 1
        self._last = failure
        cause = (failure.reason, failure.operation, failure.status, failure.error_code)
        if cause == self._logged and now - self._logged_at < _SUMMARY_SECONDS:
            return
        self._logged, self._logged_at = cause, now
        line = FailureLine(
            self._event, self._target, failure, self._operation, self._failures
        )
        self._log.failed(line)

    def ended(self, event: str) -> None:
        if self._last is not None:
            line = RecoveryLine(
                event,
                self._event,
                self._target,
                self._last,
                self._failures,
                _now() - self._since,
            )
            self._log.recovered(line)
        self._failures = 0
        self._last = None
        self._logged = ()


def _now() -> float:
    return asyncio.get_running_loop().time()
