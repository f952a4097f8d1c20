"""
Keeps what goes wrong with one project and kind from costing the others.

What is made of everybody's results is made at once, which is quick. If that fails, each
result is tried alone, and those that it fails for are reported as failures instead.
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
    problem="an error in the exporter itself",
    advice="report it with the log's lines about an internal error",
)


class OfTarget(Protocol):
    """What is told of one project and kind."""

    @property
    def project(self) -> Project:
        """The project."""

    @property
    def kind(self) -> Kind:
        """The kind of jobs."""


T = TypeVar("T", bound=OfTarget)


def failing_alone(
    results: Sequence[T], make: Callable[[Sequence[T]], object]
) -> list[T]:
    """Return those results that `make` fails for by themselves, which is logged."""
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
