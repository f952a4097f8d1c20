"""
Logs when collections start to fail, why, and when they recover.

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


log: Final = structlog.get_logger(__name__)

_SUMMARY_SECONDS: Final = 600.0


class FailureLog:
    """The failure log of one target; `operation` lists its objects."""

    def __init__(self, target: Target, operation: str) -> None:
        self._target = target
        self._failures = _Ongoing(target, operation, "collection failed")
        self._partial_failures = _Ongoing(
            target,
            operation,
            f"{target.product.noun} collected, but not everything else",
        )
        self._is_offered = True

    def succeeded(
        self, number: int, seconds: float, partial_failures: Sequence[Failure] = ()
    ) -> None:
        """Log a complete collection: at level debug, or info after a failure."""
        self._is_offered = True
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
        self._is_offered = True
        self._failures.occurred(failure)

    def not_offered(self, failure: Failure) -> None:
        """Log that the cloud does not offer the API, once until that changes."""
        self._failures.ended("collection ended")
        if self._is_offered:
            log.info(
                "not offered by the cloud; asked again every hour",
                project=self._target.project.name,
                cloud=self._target.project.cloud.name,
                kind=self._target.kind,
                api_version=self._target.api_version,
                api=failure.operation,
                path=failure.path,
                status=failure.status,
                error_code=failure.error_code,
                request_id=failure.request_id,
            )
        self._is_offered = False


class _Ongoing:
    """A failure that may last, and when it was last logged."""

    def __init__(self, target: Target, operation: str, event: str) -> None:
        self._target = target
        self._operation = operation
        self._event = event
        self._failures = 0
        self._since = 0.0
        self._logged: tuple[object, ...] = ()
        self._logged_at = 0.0

    def occurred(self, failure: Failure) -> None:
        now = _now()
        if not self._failures:
            self._since = now
        self._failures += 1
        cause = (failure.reason, failure.operation, failure.status, failure.error_code)
        if cause == self._logged and now - self._logged_at < _SUMMARY_SECONDS:
            return
        self._logged, self._logged_at = cause, now
        log.warning(
            self._event,
            project=self._target.project.name,
            cloud=self._target.project.cloud.name,
            kind=self._target.kind,
            api_version=self._target.api_version,
            api=failure.operation or self._operation,
            reason=failure.reason,
            method=failure.method,
            path=failure.path,
            status=failure.status,
            error_code=failure.error_code,
            request_id=failure.request_id,
            problem=failure.problem,
            advice=failure.advice,
            failures=self._failures,
        )

    def ended(self, event: str) -> None:
        if self._failures:
            log.info(
                event,
                project=self._target.project.name,
                kind=self._target.kind,
                api_version=self._target.api_version,
                failures=self._failures,
                failed_for_seconds=round(_now() - self._since),
            )
        self._failures = 0
        self._logged = ()


def _now() -> float:
    return asyncio.get_running_loop().time()
