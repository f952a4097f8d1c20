"""What a configuration's credentials can read, and what is collected, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final

import msgspec

from ..cloud.discovery.project_list import ProjectList
from ..collection.discovery.selection import (
    Decision,
    Fate,
    Selection,
    unmatched_patterns,
)
from ..config import ALL_COLLECTORS, Cloud, Configuration, ProjectSettings
from ..errors import Failure
from ..terminal import Paint, plain


_USUAL: Final = ProjectSettings()
_HEAD: Final = ("cloud", "project", "project ID", "state")
_IS_GOOD: Final = {
    "collected": True,
    "configured": True,
    "over limit": False,
    "conflict": False,
}


@dataclass(frozen=True, slots=True)
class ProjectReport:
    """What each cloud lists, and why it lists nothing; clouds by their names."""

    configuration: Configuration
    selection: Selection
    lists: dict[str, ProjectList]
    failures: dict[str, Failure]

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to list."""
        return not (self.lists or self.failures)

    @property
    def is_complete(self) -> bool:
        """Whether every cloud lists its projects, and all that are named are there."""
        return not (self.failures or self.selection.missing)

    def collected(self) -> Configuration:
        """Return the configuration with the projects that are found."""
        return replace(self.configuration, projects=self.selection.projects)

    def table(self, paint: Paint = plain) -> str:
        """Return a table with a row for each listed project, and what is amiss."""
        rows = [_HEAD] + [
            (
                name,
                decision.listed.name or "-",
                decision.listed.project_id,
                self._state(name, decision),
            )
            for name, decision in self._decisions()
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
        lines = [
            "  ".join(
                text.ljust(width)
                for text, width in zip(names, widths[:-1], strict=True)
            )
            + f"  {paint(state, _IS_GOOD.get(state))}"
            for *names, state in rows
        ]
        return "\n".join([*lines, *self._remarks(paint), ""])

    def as_configuration(self) -> str:
        """Return the projects that are not configured yet, to paste into a file."""
        lines = ["projects:"]
        for name, decision in self._decisions():
            if decision.fate is Fate.COLLECTED and self._owner(name, decision) is None:
                discovery = self._cloud(name).discovery
                lines += [
                    f"  - name: {_quoted(self._collected_name(name, decision))}",
                    f"    cloud: {_quoted(name)}",
                    f"    project_id: {_quoted(decision.listed.project_id)}",
                    *(_settings(discovery.defaults) if discovery else ()),
                ]
        if len(lines) == 1:
            lines = ["# no project that is not configured"]
        comments = [f"# {line}" if line else "#" for line in self._remarks()]
        return "\n".join([*lines, *comments, ""])

    def _decisions(self) -> Iterator[tuple[str, Decision]]:
        for name, decisions in self.selection.decisions.items():
            for decision in decisions:
                yield name, decision

    def _state(self, cloud: str, decision: Decision) -> str:
        owner = self._owner(cloud, decision)
        if decision.fate is Fate.COLLECTED and owner is not None:
            return f"collected by shard {owner}"
        return decision.fate.replace("_", " ")

    def _owner(self, cloud: str, decision: Decision) -> int | None:
        """Return the other shard that collects a project, if one does."""
        return self.selection.elsewhere.get(self._collected_name(cloud, decision))

    def _collected_name(self, cloud: str, decision: Decision) -> str:
        discovery = self._cloud(cloud).discovery
        return (discovery.name_prefix if discovery else "") + decision.listed.name

    def _remarks(self, paint: Paint = plain) -> Iterator[str]:
        for name, found in self.lists.items():
            yield ""
            yield f"{name}: {self.selection.summary(name)} ({found.operation})"
            cloud = self._cloud(name)
            names = [each.name for each in found.projects if each.is_in(cloud.region)]
            for pattern in unmatched_patterns(cloud, found.projects):
                yield f"  the pattern {pattern} matches no project of this region"
                yield from _near(get_close_matches(pattern, names))
        for name, failure in self.failures.items():
            yield ""
            yield paint(f"{name}: {failure.problem}", False)
            yield f"  -> {failure.advice}"
            if failure.request:
                yield f"     {failure.request}"
        for missing in self.selection.missing:
            if missing.project.cloud.name in self.lists:
                yield ""
                yield paint(f"{missing.project.name}: {missing.failure.problem}", False)
                yield f"  -> {missing.failure.advice}"
                yield from _near(missing.near_names)

    def _cloud(self, name: str) -> Cloud:
        return next(each for each in self.configuration.clouds if each.name == name)


def _near(names: Sequence[str]) -> Iterator[str]:
    if names:
        yield f"     near: {', '.join(names)}"


def _settings(settings: ProjectSettings) -> Iterator[str]:
    """Yield the keys of a project that have other values than usual."""
    if settings.workspace_id != _USUAL.workspace_id:
        yield f"    workspace_id: {_quoted(settings.workspace_id)}"
    if settings.collectors == (ALL_COLLECTORS,):
        yield f"    collectors: {ALL_COLLECTORS}"
    elif settings.collectors is not None:
        yield f"    collectors: [{', '.join(settings.collectors)}]"
    if settings.training_api is not _USUAL.training_api:
        yield f"    training_api: {settings.training_api}"
    if settings.labels:
        labels = (
            f"{_quoted(name)}: {_quoted(value)}" for name, value in settings.labels
        )
        yield f"    labels: {{{', '.join(labels)}}}"


def _quoted(text: str) -> str:
    """Return `text` as JSON, which is YAML: a name of digits stays text."""
    return msgspec.json.encode(text).decode()
