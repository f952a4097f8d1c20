"""Holds log lines until a scrape ends, and writes those of one cause as one line."""

from __future__ import annotations

import asyncio

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import structlog

from ..collectors.base import Target
from ..errors import Failure
from .causes import Cause, CommonFailure, by_cause, first_of


log: Final = structlog.get_logger(__name__)

_HOLD_SECONDS: Final = 60.0
"""
How long the next line about a cause that usually concerns a whole cloud is held: probes
of single projects find it one after the other.
"""


@dataclass(frozen=True, slots=True)
class FailureLine:
    """A failure that lasts; `operation` is that which lists the target's objects."""

    event: str
    target: Target
    failure: Failure
    operation: str
    failures: int


@dataclass(frozen=True, slots=True)
class RecoveryLine:
    """The end of a failure that was logged as `failed_event`, and its last cause."""

    event: str
    failed_event: str
    target: Target
    failure: Failure
    failures: int
    seconds: float


L = TypeVar("L", FailureLine, RecoveryLine)


class GroupedLog:
    """The failures and recoveries of all targets."""

    def __init__(self) -> None:
        self._failed: _HeldLines[FailureLine] = _HeldLines()
        self._recovered: _HeldLines[RecoveryLine] = _HeldLines()

    def failed(self, line: FailureLine) -> None:
        """Log a failure with the next `flush`."""
        self._failed.add(line.event, line)

    def recovered(self, line: RecoveryLine) -> None:
        """Log the end of a failure, or neither if the failure is not logged yet."""
        if not self._failed.discard(line.failed_event, line.target):
            self._recovered.add(line.event, line)

    def flush(self, *, at_end: bool = False) -> None:
        """Write the lines, but hold some for a while unless it is `at_end`."""
        for recoveries, common in self._recovered.take(everything=at_end):
            _write_recovery(recoveries, common)
        for failures, common in self._failed.take(everything=at_end):
            _write_failure(failures, common)


class _HeldLines(Generic[L]):
    def __init__(self) -> None:
        self._lines: dict[tuple[str, Target], L] = {}
        self._written_at: dict[tuple[str, Cause], float] = {}

    def add(self, event: str, line: L) -> None:
        self._lines[event, line.target] = line

    def discard(self, event: str, target: Target) -> bool:
        """Return whether there was such a line."""
        return self._lines.pop((event, target), None) is not None

    def take(self, *, everything: bool) -> Iterator[tuple[list[L], CommonFailure]]:
        """Yield the lines to write now, those of one event and cause together."""
        now = asyncio.get_running_loop().time()
        self._written_at = {
            key: at for key, at in self._written_at.items() if now - at < _HOLD_SECONDS
        }
        for event in dict.fromkeys(event for event, _ in self._lines):
            lines = {
                t: line for (name, t), line in self._lines.items() if name == event
            }
            causes = by_cause((line.target, line.failure) for line in lines.values())
            for cause, common in causes.items():
                is_recent = cause.is_cloud_wide and (event, cause) in self._written_at
                if is_recent and not everything:
                    continue
                self._written_at[event, cause] = now
                yield [self._lines.pop((event, t)) for t in common.targets], common


def _write_failure(lines: Sequence[FailureLine], common: CommonFailure) -> None:
    failure = common.failure
    log.warning(
        lines[0].event,
        **_fields(common),
        api=failure.operation or lines[0].operation,
        reason=failure.reason,
        method=failure.method,
        path=failure.path,
        status=failure.status,
        error_code=failure.error_code,
        request_id=failure.request_id,
        problem=failure.problem,
        consequence=failure.consequence or None,
        advice=failure.advice,
        failures=max(line.failures for line in lines),
    )


def _write_recovery(lines: Sequence[RecoveryLine], common: CommonFailure) -> None:
    log.info(
        lines[0].event,
        **_fields(common),
        failures=max(line.failures for line in lines),
        failed_for_seconds=round(max(line.seconds for line in lines)),
    )


def _fields(common: CommonFailure) -> dict[str, str | int]:
    projects = common.projects
    concerned: dict[str, str | int] = (
        {"project": projects[0]}
        if len(projects) == 1
        else {"projects": len(projects), "first_projects": first_of(projects)}
    )
    return {
        **concerned,
        "cloud": common.cloud,
        "kind": ", ".join(common.kinds),
        "api_version": ", ".join(common.api_versions),
    }
