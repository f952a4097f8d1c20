"""Tells an API that the cloud does not offer from one that fails."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from ..collectors.base import Target
from ..errors import Failure


@dataclass(frozen=True, slots=True)
class NotOffered:
    """The cloud does not offer the API of a target; `failure` is its answer."""

    failure: Failure


def judged(failure: Failure, operation: str) -> Failure | NotOffered:
    """Return whether `failure` means that the cloud has no such `operation`."""
    is_missing = failure.not_offered and failure.operation == operation
    return NotOffered(failure) if is_missing else failure


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
