"""Distinguishes what a project does not have, or may not be read, from what fails."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import ClassVar

from ..collectors.base import Target
from ..errors import Failure


@dataclass(frozen=True, slots=True)
class NotOffered:
    """The cloud does not offer the API of a target; `failure` is its answer."""

    failure: Failure

    title: ClassVar[str] = "not offered"
    event: ClassVar[str] = "not offered by the cloud; asked again every hour"

    @property
    def explanation(self) -> str:
        """What it means, for users."""
        return "The cloud does not offer this API to the project."


@dataclass(frozen=True, slots=True)
class NotPermitted:
    """The credential may not read a target that it need not; `failure` is the answer."""

    failure: Failure

    title: ClassVar[str] = "not permitted"
    event: ClassVar[str] = "not permitted; asked again every hour"

    @property
    def explanation(self) -> str:
        """What it means, and what the user can do."""
        return f"The credential may not read it; {self.failure.advice}."


Absent = NotOffered | NotPermitted
"""Why there is nothing to collect, although nothing has failed."""


def judged(failure: Failure, target: Target, operation: str) -> Failure | Absent:
    """Return whether `failure` means that the list, `operation`, is not there to read."""
    if failure.operation != operation:
        return failure
    if failure.not_offered:
        return NotOffered(failure)
    if failure.not_permitted and target.is_optional:
        return NotPermitted(failure)
    return failure


def required(missing: AbstractSet[Target]) -> set[Target]:
    """
    Return those of the targets that the cloud does not offer whose lack is a failure.

    The configuration names them, and the cloud offers no other version of their API.
    """
    return {
        target
        for target in missing
        if target.is_named and missing >= {*target.product.targets(target.project)}
    }
