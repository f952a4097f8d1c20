"""
Contains an internal error: it affects one project and kind, not the others.

All results are processed together, which is fast. If that fails, each result is tried
alone, and those that fail are reported as failures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

import structlog

from ..config import Project
from ..errors import Failure, Reason
from ..kinds import Kind


log: Final = structlog.get_logger(__name__)

INTERNAL_ERROR: Final = Failure(
    reason=Reason.RESPONSE,
    problem="an internal error in the exporter",
    advice='report it with the log lines that say "internal error"',
)


class TargetResult(Protocol):
    """A result of one project and kind."""

    @property
    def project(self) -> Project:
        """The project."""

    @property
    def kind(self) -> Kind:
        """The kind of jobs."""


T = TypeVar("T", bound=TargetResult)


def failing_alone(
    results: Sequence[T], make: Callable[[Sequence[T]], object]
) -> list[T]:
    """Return the results for which `make` fails alone; logs each failure."""
    failing = []
    for result in results:
        try:
            make([result])
        except Exception:
            log.exception(
                "internal error", project=result.project.name, kind=result.kind
            )
            failing.append(result)
    return failing
