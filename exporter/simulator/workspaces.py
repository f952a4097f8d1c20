"""
The simulated workspaces of a project (Huawei Cloud only).

Source: ModelArts API reference, "Querying Workspaces" (`ListWorkspace`).
"""

from __future__ import annotations

import secrets

from dataclasses import dataclass, field
from typing import Final

from .endpoints import Call, Endpoint
from .item_pages import ItemPage
from .replies import Json, Reply, json_reply


_LARGEST_PAGE: Final = 1000


@dataclass(slots=True)
class Workspace:
    """A workspace; `accessible` says whether the caller may enter it."""

    workspace_id: str = "0"
    name: str = "default"
    status: str = "NORMAL"
    accessible: bool = True


@dataclass(slots=True)
class Workspaces:
    """A project's workspaces, and what is undocumented of their list."""

    workspaces: list[Workspace] = field(default_factory=lambda: [Workspace()])
    enabled: bool = True
    ignores_accessible: bool = False
    offset_counts_pages: bool = False


def truth(state: Workspaces, now: float) -> Json:
    """Return what is so: the status of each workspace."""
    return {found.workspace_id: found.status for found in state.workspaces}


def _list(state: Workspaces, call: Call) -> Reply:
    if not state.enabled:
        return _error("ModelArts.7002", "The workspace is not enabled.")
    try:
        page = ItemPage.read(call, default=_LARGEST_PAGE, most=_LARGEST_PAGE)
    except ValueError:
        return _error("ModelArts.0104", "Parameter error.")
    accessible = call.query.get("filter_accessible", "false") == "true"
    found = [
        workspace
        for workspace in state.workspaces
        if workspace.accessible or not accessible or state.ignores_accessible
    ]
    if call.query.get("sort_by", "name") == "name":
        descending = call.query.get("order", "desc") == "desc"
        found.sort(key=lambda workspace: workspace.name, reverse=descending)
    if state.offset_counts_pages:
        page = ItemPage(page.offset * page.limit, page.limit)
    rows = page.of([_row(workspace) for workspace in found])
    return json_reply(
        200, {"total_count": len(found), "count": len(rows), "workspaces": rows}
    )


def _row(workspace: Workspace) -> Json:
    return {
        "id": workspace.workspace_id,
        "name": workspace.name,
        "status": workspace.status,
        "status_info": "",
        "auth_type": "PUBLIC" if workspace.accessible else "PRIVATE",
        "owner": "somebody",
        "enterprise_project_id": "0",
        "enterprise_project_name": "default",
        "create_time": 1_700_000_000_000,
        "update_time": 1_700_000_000_000,
        "description": "",
    }


def _error(code: str, message: str) -> Reply:
    # These errors carry a request ID of ModelArts' own.
    content: Json = {
        "error_code": code,
        "error_msg": message,
        "request_id": secrets.token_hex(16),
    }
    return json_reply(400, content)


ENDPOINTS: Final = (Endpoint("workspaces", "/v1/{project_id}/workspaces", _list),)
