"""The workspaces of divided projects, as they were last listed."""

from __future__ import annotations

import asyncio

from collections.abc import Iterable
from typing import Final

import structlog

from ...cloud.client import CloudClient
from ...cloud.discovery.workspaces import Workspace, list_workspaces
from ...config import Project
from ...deadline import Deadline
from ...errors import CollectionError
from .workspace_projects import MAX_WORKSPACES


log: Final = structlog.get_logger(__name__)

_SECONDS: Final = 10.0
_MAX_AT_ONCE: Final = 4


class WorkspaceLists:
    """Workspaces by the ID of the project; a list that fails keeps the last one."""

    def __init__(self) -> None:
        self.by_project: dict[str, tuple[Workspace, ...]] = {}

    async def refresh(self, client: CloudClient, projects: Iterable[Project]) -> None:
        """List the workspaces of `projects`, which are of the client's cloud."""
        limit = asyncio.Semaphore(_MAX_AT_ONCE)
        await asyncio.gather(
            *(self._refresh(client, project, limit) for project in projects)
        )

    def retain(self, projects: Iterable[Project]) -> None:
        """Forget the workspaces of all projects but these."""
        for gone in self.by_project.keys() - {each.project_id for each in projects}:
            del self.by_project[gone]

    async def _refresh(
        self, client: CloudClient, project: Project, limit: asyncio.Semaphore
    ) -> None:
        try:
            async with limit, asyncio.timeout(_SECONDS):
                session = client.session(project, Deadline(_SECONDS))
                found = await list_workspaces(session)
        except CollectionError as error:
            failure = error.failure
            _warn(project, failure.problem, failure.advice)
        except TimeoutError:
            _warn(project, f"no answer within {_SECONDS:.0f} s", "check the network")
        else:
            if len(found) > MAX_WORKSPACES:
                left_out = len(found) - MAX_WORKSPACES
                problem = f"there are {len(found)}, and {left_out} are not collected"
                _warn(project, problem, "configure those by their workspace_id")
            self.by_project[project.project_id] = found


def _warn(project: Project, problem: str, advice: str) -> None:
    log.warning(
        "workspaces are not listed, or not all collected",
        project=project.name,
        cloud=project.cloud.name,
        problem=problem,
        advice=advice,
    )
