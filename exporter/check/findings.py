"""The results of a check: steps, problems, and what else could be collected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..collection.causes import first_of
from ..collectors.examination import Problem


class Step(StrEnum):
    """The steps of a check, in order."""

    NAME = "name resolution"
    TLS = "TLS"
    CLOCK = "clock"
    CREDENTIALS = "credentials"
    PERMISSION = "permission"
    PAGE_SIZE = "page size"
    JOBS = "found"


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a step: `ok` is None if it was not reached, or does not apply."""

    ok: bool | None
    words: str


NOT_REACHED: Final = Result(None, "-")


@dataclass(frozen=True, slots=True)
class Finding:
    """
    The result of a check of one project, collector and version of its API.

    `number` is how many objects there are, which the product calls `noun`.
    """

    project: str
    cloud: str
    collector: str
    api_version: str
    noun: str
    steps: dict[Step, Result]
    problems: tuple[Problem, ...] = ()
    number: int | None = None
    clock_skew: float | None = None
    seconds: float = 0.0

    @property
    def page_size(self) -> int | None:
        """The page size that the API accepts, if it was found out."""
        size = self.steps[Step.PAGE_SIZE].words.partition(" ")[0]
        return int(size) if size.isdecimal() else None

    @property
    def ok(self) -> bool:
        """Whether the objects can be collected."""
        return all(result.ok is not False for result in self.steps.values())


@dataclass(frozen=True, slots=True)
class Uncollected:
    """What a credential can read of a project although no collector asks for it."""

    project: str
    collector: str
    number: int


@dataclass(frozen=True, slots=True)
class CommonProblem:
    """A problem, and the projects and collectors that have it."""

    problem: Problem
    cloud: str
    projects: tuple[str, ...]
    collectors: tuple[str, ...]
    """Each with its API version."""

    @property
    def title(self) -> str:
        """Whom it concerns, in words."""
        collectors = ", ".join(self.collectors)
        if len(self.projects) == 1:
            return f"{self.projects[0]} {collectors}"
        number = len(self.projects)
        return f"{number} projects ({first_of(self.projects)}) {collectors}"


def common_problems(findings: Sequence[Finding]) -> list[CommonProblem]:
    """Return each problem once, with all that it concerns."""
    groups: dict[tuple[str, str, str], list[tuple[Finding, Problem]]] = {}
    for finding in findings:
        for problem in finding.problems:
            key = (finding.cloud, problem.problem, problem.advice)
            groups.setdefault(key, []).append((finding, problem))
    return [_common(group) for group in groups.values()]


def _common(group: Sequence[tuple[Finding, Problem]]) -> CommonProblem:
    problems = [problem for _, problem in group]
    # One that was not sent again has no request of its own, but the consequence.
    first = next((each for each in problems if not each.consequence), problems[0])
    consequences = (each.consequence for each in problems if each.consequence)
    return CommonProblem(
        first.followed_by(next(consequences, "")),
        group[0][0].cloud,
        tuple(sorted({finding.project for finding, _ in group})),
        tuple(dict.fromkeys(f"{one.collector} {one.api_version}" for one, _ in group)),
    )
