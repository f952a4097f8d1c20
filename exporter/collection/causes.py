"""Recognizes one cause behind the failures of many projects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ..collectors.base import Target
from ..errors import Failure, Reason


_CLOUD_WIDE: Final = {Reason.AUTHENTICATION, Reason.NETWORK, Reason.TIMEOUT}
_HAS_DURATION: Final = {Reason.TIMEOUT, Reason.THROTTLED}
"""Reasons whose problem names seconds, which differ although the cause does not."""

_MAX_NAMES: Final = 3


@dataclass(frozen=True, slots=True)
class Cause:
    """What failures have in common that need the same remedy."""

    cloud: str
    reason: Reason
    status: int | None
    error_code: str | None
    problem: str
    advice: str

    @property
    def is_cloud_wide(self) -> bool:
        """Whether it usually concerns all projects of the cloud."""
        return self.reason in _CLOUD_WIDE


@dataclass(frozen=True, slots=True)
class CommonFailure:
    """A failure, and all targets that have it."""

    failure: Failure
    targets: Sequence[Target]

    @property
    def cloud(self) -> str:
        """The cloud's name."""
        return self.targets[0].project.cloud.name

    @property
    def projects(self) -> list[str]:
        """The names of the projects."""
        return sorted({target.project.name for target in self.targets})

    @property
    def first_projects(self) -> str:
        """The first few names, and how many more there are."""
        return first_of(self.projects)

    @property
    def kinds(self) -> list[str]:
        """The kinds that are concerned in any of the projects."""
        return sorted({target.kind for target in self.targets})

    @property
    def api_versions(self) -> list[str]:
        """The API versions that are concerned in any of the projects."""
        return sorted({target.api_version for target in self.targets})


def cause_of(target: Target, failure: Failure) -> Cause:
    """Return the cause of a target's failure."""
    return Cause(
        target.project.cloud.name,
        failure.reason,
        failure.status,
        failure.error_code,
        "" if failure.reason in _HAS_DURATION else failure.problem,
        failure.advice,
    )


def by_cause(
    failures: Iterable[tuple[Target, Failure]],
) -> dict[Cause, CommonFailure]:
    """
    Group failures by their causes.

    A group has the first failure, with the consequence that any of them has.
    """
    groups: dict[Cause, list[tuple[Target, Failure]]] = {}
    for target, failure in failures:
        groups.setdefault(cause_of(target, failure), []).append((target, failure))
    return {
        cause: CommonFailure(
            _representative([failure for _, failure in group]),
            [target for target, _ in group],
        )
        for cause, group in groups.items()
    }


def first_of(names: Sequence[str]) -> str:
    """Return the first few of `names`, and how many more there are."""
    shown, more = names[:_MAX_NAMES], len(names) - _MAX_NAMES
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _representative(failures: Sequence[Failure]) -> Failure:
    consequences = [failure.consequence for failure in failures if failure.consequence]
    # One that was sent has an answer's evidence.
    sent = next((each for each in failures if not each.consequence), failures[0])
    return sent.followed_by(consequences[0]) if consequences else sent
