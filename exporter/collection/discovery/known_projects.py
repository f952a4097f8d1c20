"""
What is known of a cloud's projects, from its lists so far.

A list can be short without being wrong in form: permissions are being changed, or IAM
itself has a bad moment. So projects do not vanish from one list to the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from ...cloud.discovery.project_rows import ListedProject
from ...errors import Failure, Reason


_DOUBTED_LISTS: Final = 3


@dataclass(frozen=True, slots=True)
class KnownProjects:
    """
    The projects that a cloud lists, and those that it no longer lists but still may have.

    `projects` is None before the first list. `missing` are the IDs of projects that are
    kept although the last list does not have them; `doubted` is the number of lists in a
    row that were not believed.
    """

    region: str
    projects: tuple[ListedProject, ...] | None = None
    missing: frozenset[str] = frozenset()
    doubted: int = 0

    @property
    def has_projects(self) -> bool:
        """Whether there is any project of the region that can be collected."""
        return bool(self._usable())

    def after(self, listed: Iterable[ListedProject]) -> KnownProjects:
        """
        Return what is known after the list `listed`.

        A list without any project of the region is doubted three times before it is
        believed, if there were some. A project is dropped once it is missing from two
        lists in a row, or another has its name: then it was deleted and made again. A
        project that is disabled or nameless is as good as missing.
        """
        by_id = {each.project_id: each for each in listed}
        present = {key: each for key, each in by_id.items() if self._is_usable(each)}
        before = {each.project_id: each for each in self._usable()}
        if before and not present:
            if self.doubted < _DOUBTED_LISTS:
                return replace(self, doubted=self.doubted + 1)
            before = {}
        names = {each.name for each in present.values()}
        kept = {
            key: each
            for key, each in before.items()
            if not (key in present or key in self.missing or each.name in names)
        }
        return KnownProjects(
            self.region, tuple(sorted({**by_id, **kept}.values())), frozenset(kept)
        )

    def _usable(self) -> list[ListedProject]:
        return [each for each in self.projects or () if self._is_usable(each)]

    def _is_usable(self, project: ListedProject) -> bool:
        return bool(project.name) and project.is_enabled and project.is_in(self.region)


NOT_BELIEVED: Final = Failure(
    reason=Reason.RESPONSE,
    problem="the list of projects no longer has any of this region; the projects known "
    "so far are kept",
    advice="check the roles of the exporter's user, and the cloud's region. If the "
    "projects are gone, wait: the fourth such list in a row is believed",
)
"""Why a list after which projects are `doubted` counts as failed."""
