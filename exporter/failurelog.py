"""
What is logged of collections: when they begin to fail, when they end to, and how.

A project that fails for an hour is a line at the start, one at the end, and one every
ten minutes between, not one for every scrape.
"""

from __future__ import annotations

import asyncio

from typing import Final

import structlog

from .apis import V1_LISTINGS
from .config import Project
from .errors import Failure
from .jobs import Kind


log: Final = structlog.get_logger(__name__)

_SUMMARY_SECONDS: Final = 600.0


class FailureLog:
    """The log of one project and kind."""

    def __init__(self, project: Project, kind: Kind) -> None:
        self._project = project
        self._kind = kind
        self._failures = 0
        self._since = 0.0
        self._told: tuple[object, ...] = ()
        self._told_at = 0.0

    def succeeded(self, jobs: int, seconds: float) -> None:
        """Log a complete collection: at level debug, unless others failed before."""
        names = {"project": self._project.name, "kind": self._kind}
        if self._failures:
            log.info(
                "collection succeeds again",
                **names,
                failures=self._failures,
                failed_for_seconds=round(_now() - self._since),
            )
        log.debug("collected", **names, jobs=jobs, seconds=round(seconds, 3))
        self._failures = 0
        self._told = ()

    def failed(self, failure: Failure) -> None:
        """Log a failure, unless the same was logged a short while ago."""
        now = _now()
        if not self._failures:
            self._since = now
        self._failures += 1
        cause = (failure.reason, failure.api, failure.status, failure.error_code)
        if cause == self._told and now - self._told_at < _SUMMARY_SECONDS:
            return
        self._told, self._told_at = cause, now
        log.warning(
            "collection failed",
            project=self._project.name,
            cloud=self._project.cloud.name,
            kind=self._kind,
            api=failure.api or V1_LISTINGS[self._kind],
            reason=failure.reason,
            status=failure.status,
            error_code=failure.error_code,
            problem=failure.problem,
            advice=failure.advice,
            failures=self._failures,
        )


def _now() -> float:
    return asyncio.get_running_loop().time()
