"""What the status page says of each project: a row of the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from ...collection.causes import Cause
from ...collection.results import Latest
from ...collectors.overview import Longest, QuotaUse
from ...collectors.phases import Phase
from ...config import Project
from .findings import Finding, Level, findings_of, level_of
from .targets import State, TargetStatus, target_status
from .view import Column, Show, View


@dataclass(frozen=True, slots=True)
class FullestQuota:
    """The quota of a project of which most is used, and of what it is."""

    title: str
    use: QuotaUse

    @property
    def share(self) -> float:
        """How much of it is used: 1 is all."""
        return share(self.use)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectStatus:
    """A project, and what is worth knowing of all its targets together."""

    project: Project
    targets: Sequence[TargetStatus]
    findings: Sequence[Finding]
    level: Level
    running: Mapping[str, int]
    """How many objects run, by what they are called."""

    waiting: Mapping[str, int]
    quota: FullestQuota | None
    longest: Longest | None
    age: float | None
    """Seconds since the oldest of the collections; None if there is none."""

    seconds: float
    """How long the longest of the collections took."""

    @property
    def name(self) -> str:
        """The project's name."""
        return self.project.name

    @property
    def is_collected(self) -> bool:
        """Whether everything that the cloud offers was collected."""
        return all(target.state in {State.UP, State.ABSENT} for target in self.targets)

    def is_shown(self, show: Show) -> bool:
        """Return whether it is among the projects to show."""
        if show is Show.ALL:
            return True
        if show is Show.PROBLEMS:
            return bool(self.findings)
        if show is Show.COLLECTED:
            return self.is_collected
        if show is Show.UNCOLLECTED:
            return any(target.state is State.WAITING for target in self.targets)
        return any(finding.show is show for finding in self.findings)

    def matches(self, words: Iterable[str]) -> bool:
        """Return whether each of some lower-case words is in a name, ID or label."""
        project = self.project
        text = "\n".join(
            (
                project.name,
                project.cloud.name,
                project.cloud.region,
                project.project_id,
                *(f"{name}={value}" for name, value in project.labels),
            )
        ).lower()
        return all(word in text for word in words)


def project_statuses(
    latest: Iterable[Latest], now: float, causes: Mapping[Cause, int]
) -> list[ProjectStatus]:
    """Return what is known of the projects at the Unix time `now`."""
    return [
        _project_status(project, [target_status(each, now) for each in group], causes)
        for project, group in groupby(latest, key=lambda each: each.target.project)
    ]


def selected(projects: Iterable[ProjectStatus], view: View) -> list[ProjectStatus]:
    """Return the projects that a view shows, in its order."""
    words = view.query.lower().split()
    found = [one for one in projects if one.is_shown(view.show) and one.matches(words)]
    found.sort(key=lambda one: one.name.casefold())
    if view.sort is Column.PROJECT:
        return found[::-1] if view.is_reversed else found
    # Equal ones stay sorted by name, in both directions.
    return sorted(found, key=_ORDERS[view.sort], reverse=view.is_reversed)


def share(use: QuotaUse) -> float:
    """Return how much of a quota is used: 1 is all."""
    return round(use.used / use.maximum, 3) if use.maximum else 1.0


def _project_status(
    project: Project, targets: Sequence[TargetStatus], causes: Mapping[Cause, int]
) -> ProjectStatus:
    findings = findings_of(targets, causes)
    ages = [target.age for target in targets if target.age is not None]
    longest = [target.overview.longest for target in targets if target.overview]
    return ProjectStatus(
        project=project,
        targets=targets,
        findings=findings,
        level=level_of(targets, findings),
        running=_numbers(targets, Phase.RUNNING),
        waiting=_numbers(targets, Phase.PENDING),
        quota=max(_quotas(targets), key=lambda quota: quota.share, default=None),
        longest=max(
            (one for one in longest if one is not None and one.ends_by_itself),
            key=lambda longest: longest.seconds,
            default=None,
        ),
        age=max(ages, default=None),
        seconds=max((target.seconds for target in targets), default=0.0),
    )


def _numbers(targets: Iterable[TargetStatus], phase: Phase) -> Mapping[str, int]:
    numbers: Counter[str] = Counter()
    for target in targets:
        if target.overview is not None:
            numbers[target.noun] += target.overview.phases.get(phase, 0)
    return +numbers


def _quotas(targets: Iterable[TargetStatus]) -> Iterator[FullestQuota]:
    for target in targets:
        if target.overview is not None:
            for use in target.overview.quotas:
                yield FullestQuota(target.title, use)


# What deserves attention comes first, and what is not known last.
_ORDERS: Final[Mapping[Column, Callable[[ProjectStatus], float]]] = {
    Column.STATUS: lambda one: one.level,
    Column.RUNNING: lambda one: -sum(one.running.values()),
    Column.WAITING: lambda one: -sum(one.waiting.values()),
    Column.QUOTA: lambda one: -one.quota.share if one.quota else 1,
    Column.LONGEST: lambda one: -one.longest.seconds if one.longest else 1,
    Column.COLLECTED: lambda one: -one.age if one.age is not None else 1,
}
