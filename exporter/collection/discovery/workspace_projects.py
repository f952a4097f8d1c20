"""Makes a project of each workspace of a project that is divided into them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from ...cloud.discovery.workspaces import DEFAULT_WORKSPACE, Workspace
from ...config import Project


MAX_WORKSPACES: Final = 20
"""Of a project, the default one not counted: each costs the requests of a project."""


def workspace_projects(
    project: Project, workspaces: Sequence[Workspace]
) -> Iterator[Project]:
    """
    Yield a project for each of its workspaces, the first 20 by name.

    The default workspace, which is there whether listed or not, has the project's name,
    and the others have theirs after a slash, which no name of a project in IAM has.
    """
    yield replace(project, workspace_id=DEFAULT_WORKSPACE)
    names = Counter(workspace.name for workspace in workspaces)
    for workspace in sorted(workspaces)[:MAX_WORKSPACES]:
        has_name = workspace.name and names[workspace.name] == 1
        name = workspace.name if has_name else workspace.workspace_id
        yield replace(
            project,
            name=f"{project.name}/{name}",
            workspace_id=workspace.workspace_id,
        )
