"""
Contains an internal error: it affects one target, not the others.

All results are processed together, which is fast. If that fails, each result is tried
alone, and those that fail are reported as failures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

import structlog

from ..collectors.base import Target
from ..errors import Failure, Reason


log: Final = structlog.get_logger(__name__)

INTERNAL_ERROR: Final = Failure(
    reason=Reason.RESPONSE,
    problem="an internal error in the exporter",
    advice='report it with the log lines that say "internal error"',
)


class TargetResult(Protocol):
    """A result of one target."""

    @property
    def target(self) -> Target:
        """The target."""


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
            target = result.target
            log.exception(
                "internal error",
                project=target.project.name,
                kind=target.kind,
                api_version=target.api_version,
            )
            failing.append(result)
    return failing
