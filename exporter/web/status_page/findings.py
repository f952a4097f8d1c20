"""What is wrong with a project: failures, what alerts are about, parts that are missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from ...collection.causes import Cause, cause_of
from ...collectors.alerts import Severity
from ...collectors.overview import Problem
from ...errors import Failure
from .targets import State, TargetStatus
from .view import Show


NOT_COLLECTED: Final = "ModelArtsProjectNotCollected"
"""The runbook of failures."""


class Level(IntEnum):
    """How bad it is; the lowest is the worst, and is shown first."""

    FAILING = 0
    CRITICAL = 1
    WARNING = 2
    INCOMPLETE = 3
    UNCOLLECTED = 4
    FINE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    One thing that is wrong; `runbook` is the name of an alert, or empty.

    `cause` counts the causes at the top of the page from 1, and is 0 for none of them.
    """

    level: Level
    show: Show
    subject: str
    words: str
    advice: str = ""
    runbook: str = ""
    cause: int = 0


def findings_of(
    targets: Sequence[TargetStatus], causes: Mapping[Cause, int]
) -> list[Finding]:
    """Return what is wrong with a project, the worst first."""
    found = [*_failures(targets, causes), *_problems(targets), *_missing(targets)]
    return sorted(found, key=lambda finding: finding.level)


def level_of(targets: Iterable[TargetStatus], findings: Sequence[Finding]) -> Level:
    """Return the worst of a project's levels."""
    if findings:
        return findings[0].level
    is_waiting = any(target.state is State.WAITING for target in targets)
    return Level.UNCOLLECTED if is_waiting else Level.FINE


def _failures(
    targets: Sequence[TargetStatus], causes: Mapping[Cause, int]
) -> Iterator[Finding]:
    """Yield a finding for each cause: often it is the same for all kinds."""
    groups: dict[Cause, list[tuple[TargetStatus, Failure]]] = {}
    for target in targets:
        if target.failure is not None:
            cause = cause_of(target.target, target.failure)
            groups.setdefault(cause, []).append((target, target.failure))
    offered = [target for target in targets if target.state is not State.ABSENT]
    for cause, group in groups.items():
        failure = group[0][1]
        is_common = cause in causes
        yield Finding(
            level=Level.FAILING,
            show=Show.FAILING,
            subject="Nothing is collected"
            if len(group) == len(offered)
            else ", ".join(target.title for target, _ in group),
            words=failure.reason.value
            if is_common
            else f"{failure.reason}: {failure.explanation}.",
            advice="" if is_common else failure.advice,
            runbook="" if is_common else NOT_COLLECTED,
            cause=causes.get(cause, 0),
        )


def _problems(targets: Iterable[TargetStatus]) -> Iterator[Finding]:
    for target in targets:
        if target.overview is not None:
            for problem in target.overview.problems:
                yield _problem(target.title, problem)


def _problem(title: str, problem: Problem) -> Finding:
    alert = problem.alert
    is_critical = alert.severity is Severity.CRITICAL
    return Finding(
        level=Level.CRITICAL if is_critical else Level.WARNING,
        show=Show(alert.concern),
        subject=title,
        words=problem.words,
        runbook=alert.name,
    )


def _missing(targets: Iterable[TargetStatus]) -> Iterator[Finding]:
    for target in targets:
        for failure in target.partial_failures:
            yield Finding(
                level=Level.INCOMPLETE,
                show=Show.PROBLEMS,
                subject=target.title,
                words=f"collected, but not everything else: {failure.explanation}.",
                advice=failure.advice,
            )
