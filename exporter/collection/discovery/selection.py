"""
Decides which projects are collected, from the configuration and the clouds' lists.

The same lists lead to the same decisions, in whatever order they came and were written.
"""

from __future__ import annotations

import difflib

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from ...cloud.discovery.project_rows import ListedProject
from ...cloud.discovery.workspaces import Workspace
from ...config import (
    ALL_WORKSPACES,
    Cloud,
    Configuration,
    Discovery,
    NamedProject,
    Project,
    Shard,
    shard_key,
)
from ...errors import Failure, Reason
from .workspace_projects import workspace_projects


class Fate(StrEnum):
    """What becomes of a listed project: the label `state`."""

    COLLECTED = "collected"
    CONFIGURED = "configured"
    """Collected already: it is configured, or an earlier cloud lists it too."""

    EXCLUDED = "excluded"
    OTHER_REGION = "other_region"
    DISABLED = "disabled"
    NAMELESS = "nameless"
    OVER_LIMIT = "over_limit"
    CONFLICT = "conflict"
    """Another project has its name."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a listed project."""

    listed: ListedProject
    fate: Fate


@dataclass(frozen=True, slots=True)
class MissingProject:
    """A project with a `project_name` that cannot be collected."""

    project: NamedProject
    failure: Failure
    near_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """
    The projects to collect, and why the others are not.

    Of the `divided` projects, `projects` has the workspaces. `decisions` are by the name
    of the cloud, for clouds with discovery that have been listed; they are the same in
    all shards. `elsewhere` has the shards to which the projects that this one leaves out
    belong, by the names of the projects.
    """

    projects: tuple[Project, ...]
    divided: tuple[Project, ...] = ()
    missing: tuple[MissingProject, ...] = ()
    decisions: Mapping[str, tuple[Decision, ...]] = field(default_factory=dict)
    elsewhere: Mapping[str, int] = field(default_factory=dict)

    @property
    def unavailable(self) -> dict[Project, Failure]:
        """The missing projects, without an ID, and why they cannot be collected."""
        return {each.project.project(""): each.failure for each in self.missing}

    def counts(self, cloud: str) -> dict[Fate, int]:
        """Return the number of a cloud's listed projects by fate, zeros included."""
        found = Counter(each.fate for each in self.decisions.get(cloud, ()))
        return {fate: found[fate] for fate in Fate}

    def summary(self, cloud: str) -> str:
        """Return those numbers in words, without zeros; empty if there is no list."""
        if cloud not in self.decisions:
            return ""
        parts = {
            fate: f"{number} {fate.replace('_', ' ')}"
            for fate, number in self.counts(cloud).items()
            if number
        }
        own = len(self._discovered(cloud))
        if own < self.counts(cloud)[Fate.COLLECTED]:
            parts[Fate.COLLECTED] += f" ({own} by this shard)"
        return ", ".join(parts.values()) or "no project"

    def _discovered(self, cloud: str) -> set[str]:
        """Return the IDs of a cloud's discovered projects that this shard collects."""
        return {
            each.project_id
            for each in self.projects
            if each.is_discovered and each.cloud.name == cloud
        }


def select(
    configuration: Configuration,
    lists: Mapping[str, Sequence[ListedProject]],
    workspaces: Mapping[str, Sequence[Workspace]],
) -> Selection:
    """
    Return what to collect.

    `lists` has the listed projects by the name of the cloud, and `workspaces` those by the
    ID of the project; what has not been listed yet is absent.
    """
    projects = [*configuration.projects, *configuration.divided_projects]
    missing = []
    with_id = {(each.project_id, each.workspace_id): each.name for each in projects}
    for named in configuration.named_projects:
        found = _look_up(named, lists.get(named.cloud.name))
        if isinstance(found, Project):
            same = with_id.get((found.project_id, found.workspace_id))
            found = found if same is None else MissingProject(named, _is_same(same))
        if isinstance(found, MissingProject):
            missing.append(found)
        else:
            projects.append(found)
    taken = _Taken(
        {project.project_id for project in projects},
        {project.name for project in projects}
        | {each.project.name for each in missing},
    )
    decisions = {}
    for cloud in configuration.clouds:
        listed = lists.get(cloud.name)
        if cloud.discovery is None or listed is None:
            continue
        decided = tuple(_decide(cloud, cloud.discovery, sorted(listed), taken))
        decisions[cloud.name] = decided
        projects.extend(
            _discovered(cloud, cloud.discovery, decision.listed)
            for decision in decided
            if decision.fate is Fate.COLLECTED
        )
    selection = Selection(
        tuple(_with_workspaces(projects, workspaces)),
        tuple(project for project in projects if _is_divided(project)),
        tuple(missing),
        decisions,
    )
    shard = configuration.shard
    return selection if shard is None else _of_shard(selection, shard)


def unmatched_patterns(
    cloud: Cloud, listed: Sequence[ListedProject]
) -> tuple[str, ...]:
    """Return the patterns of a cloud's discovery that match no project of its region."""
    if cloud.discovery is None:
        return ()
    names = [each.name for each in listed if each.is_in(cloud.region)]
    patterns = (*cloud.discovery.include, *cloud.discovery.exclude)
    return tuple(
        pattern
        for pattern in patterns
        if not any(fnmatchcase(name, pattern) for name in names)
    )


def _of_shard(selection: Selection, shard: Shard) -> Selection:
    """Return the selection with the shard's own projects only, found and missing."""
    owners = {
        project.name: shard.owner(shard_key(project))
        for project in (*selection.projects, *selection.unavailable)
    }
    return replace(
        selection,
        projects=tuple(
            each for each in selection.projects if owners[each.name] == shard.index
        ),
        missing=tuple(
            each
            for each in selection.missing
            if owners[each.project.name] == shard.index
        ),
        elsewhere={
            name: owner for name, owner in owners.items() if owner != shard.index
        },
    )


def _with_workspaces(
    projects: Sequence[Project], workspaces: Mapping[str, Sequence[Workspace]]
) -> Iterator[Project]:
    for project in projects:
        if _is_divided(project):
            listed = workspaces.get(project.project_id, ())
            yield from workspace_projects(project, listed)
        else:
            yield project


def _is_divided(project: Project) -> bool:
    return project.workspace_id == ALL_WORKSPACES


@dataclass(slots=True)
class _Taken:
    """IDs and names of the projects that are collected already."""

    ids: set[str]
    names: set[str]


def _decide(
    cloud: Cloud, discovery: Discovery, listed: Sequence[ListedProject], taken: _Taken
) -> Iterator[Decision]:
    room = discovery.max_projects
    for each in listed:
        name = discovery.name_prefix + each.name
        fate = _fate(cloud, discovery, each)
        if each.project_id in taken.ids:
            fate = Fate.CONFIGURED
        elif fate is Fate.COLLECTED and name in taken.names:
            fate = Fate.CONFLICT
        elif fate is Fate.COLLECTED and not room:
            fate = Fate.OVER_LIMIT
        if fate is Fate.COLLECTED:
            room -= 1
            taken.ids.add(each.project_id)
            taken.names.add(name)
        yield Decision(each, fate)


def _fate(cloud: Cloud, discovery: Discovery, listed: ListedProject) -> Fate:
    """Return what becomes of a project if no other stands in its way."""
    if not listed.name:
        return Fate.NAMELESS
    if not listed.is_in(cloud.region):
        return Fate.OTHER_REGION
    if not listed.is_enabled:
        return Fate.DISABLED
    if not _is_included(discovery, listed.name):
        return Fate.EXCLUDED
    return Fate.COLLECTED


def _is_included(discovery: Discovery, name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in discovery.include) and not any(
        fnmatchcase(name, pattern) for pattern in discovery.exclude
    )


def _discovered(cloud: Cloud, discovery: Discovery, listed: ListedProject) -> Project:
    name = discovery.name_prefix + listed.name
    project = discovery.defaults.project(name, cloud, listed.project_id)
    return replace(project, is_discovered=True)


def _look_up(
    named: NamedProject, listed: Sequence[ListedProject] | None
) -> Project | MissingProject:
    if listed is None:
        return MissingProject(named, _NOT_LISTED_YET)
    present = [
        each
        for each in sorted(listed)
        if each.is_enabled and each.is_in(named.cloud.region)
    ]
    for each in present:
        if each.name == named.project_name:
            return named.project(each.project_id)
    near = difflib.get_close_matches(
        named.project_name, [each.name for each in present]
    )
    return MissingProject(named, _NO_SUCH_PROJECT, tuple(near))


def _is_same(name: str) -> Failure:
    return Failure(
        reason=Reason.API,
        problem=f"it is the project {name}, which the configuration has by its ID",
        advice="remove one of both: its jobs would be counted twice",
    )


_NOT_LISTED_YET: Final = Failure(
    reason=Reason.API,
    problem="its project ID is not known yet: the cloud's projects have not been listed",
    advice="see why the list of projects fails, or give project_id",
)

_NO_SUCH_PROJECT: Final = Failure(
    reason=Reason.PERMISSION,
    problem="no such project in this account and region",
    advice="check project_name and the cloud's region, or grant the user a role in the "
    "project",
)
