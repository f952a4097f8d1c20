"""Reads `projects`, and refuses what would be collected twice."""

from __future__ import annotations

from collections.abc import Mapping

from .collector_names import CollectorNames
from .file_keys import NO_WORKSPACE_LIST, ProjectKeys
from .key_groups import read_group
from .likely_errors import warn_of_project
from .messages import quoted, suggestion
from .model import (
    ALL_WORKSPACES,
    Cloud,
    NamedProject,
    Project,
    Provider,
)
from .regions import is_in_region
from .section import Section


def read_projects(
    root: Section, clouds: Mapping[str, Cloud], names: CollectorNames
) -> list[Project | NamedProject]:
    """Return the projects of the file; those of an unknown cloud are left out."""
    is_discovered = any(cloud.discovery for cloud in clouds.values())
    if is_discovered and root.is_blank_list("projects"):
        return []
    sections = root.items("projects")
    keys = [read_group(section, ProjectKeys) for section in sections]
    _check_duplicates(sections, keys, names)
    found = [
        _project(section, one, clouds)
        for section, one in zip(sections, keys, strict=True)
    ]
    return [project for project in found if project is not None]


def _project(
    section: Section, keys: ProjectKeys, clouds: Mapping[str, Cloud]
) -> Project | NamedProject | None:
    cloud = clouds.get(keys.cloud)
    if cloud is None:
        if keys.cloud and clouds:
            name = quoted(section.shown("cloud"))
            hint = suggestion(keys.cloud, sorted(clouds))
            section.error(f"no cloud named {name}{hint}", "cloud")
        return None
    if keys.workspace_id == ALL_WORKSPACES and cloud.provider is Provider.OTC:
        section.error(NO_WORKSPACE_LIST, "workspace_id")
    warn_of_project(section, keys, cloud)
    if keys.project_name is None:
        return keys.project(keys.name or "", cloud, keys.project_id or "")
    _check_region(section, keys.project_name, cloud)
    return NamedProject(
        project_name=keys.project_name,
        name=keys.name or keys.project_name,
        cloud=cloud,
        settings=keys.settings(),
    )


def _check_region(section: Section, project_name: str, cloud: Cloud) -> None:
    if not cloud.region:
        section.error("its cloud needs a region to find it", "project_name")
    elif not is_in_region(project_name, cloud.region):
        section.error(
            "not a project of its cloud's region: the name is the region's, or begins "
            "with it and _",
            "project_name",
        )


def _check_duplicates(
    sections: list[Section],
    projects: list[ProjectKeys],
    collectors: CollectorNames,
) -> None:
    names: dict[str, int] = {}
    listings: dict[tuple[str, str, str], dict[str, int]] = {}
    for index, (section, project) in enumerate(zip(sections, projects, strict=True)):
        name = project.name or project.project_name
        named = names.setdefault(name, index) if name else index
        if named != index:
            section.error(f"the name is that of projects[{named}] already", "name")
        way = "project_id" if project.project_id else "project_name"
        project_id = project.project_id or project.project_name or ""
        chosen = collectors.of(project.collectors) if project_id else ()
        for collector in chosen:
            workspaces = listings.setdefault((project.cloud, project_id, collector), {})
            first = _first(workspaces, project.workspace_id)
            workspaces.setdefault(project.workspace_id, index)
            if first is not None:
                jobs = collector.replace("_", " ")
                section.error(
                    f"projects[{first}] lists the {jobs} of this project and "
                    "workspace already; they would be counted twice",
                    way,
                )


def _first(workspaces: Mapping[str, int], workspace_id: str) -> int | None:
    """Return the project that lists a workspace already, if there is one."""
    if workspace_id == ALL_WORKSPACES:
        return min(workspaces.values(), default=None)
    return workspaces.get(workspace_id, workspaces.get(ALL_WORKSPACES))
