"""
Asks for pages of notebooks: of everybody's, or of the exporter's own user.

Source: ModelArts API reference, "Querying All Notebook Instances" (`ListAllNotebooks`)
and "Querying Notebook Instances" (`ListNotebooks`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from ...cloud.call import Call
from ...cloud.session import Session
from ...config import Provider
from ..item_pages import ItemPage, item_page
from ..numbers import to_limit
from ..workspaces import check_workspaces
from .schema import NOTEBOOKS_DECODER, NotebookRow


PAGE_SIZE: Final = 50
"""The largest of the three that the API accepts."""


@dataclass(frozen=True, slots=True)
class NotebookList:
    """One of the two lists: its operation, path and permission."""

    operation: str
    path: str
    action: str

    async def page(
        self, session: Session, offset: int, size: int
    ) -> ItemPage[NotebookRow]:
        """Return `size` notebooks from `offset` on. Raises `CollectionError`."""
        project = session.project
        parameters: dict[str, str | int] = {
            "limit": size,
            "offset": offset,
            # The oldest first: what is new is appended to the list.
            "sort_dir": "ASC",
        }
        if project.workspace_id != "0":
            # Another spelling is ignored, and the default workspace listed.
            is_huawei = project.cloud.provider is Provider.HUAWEICLOUD
            name = "workspace_id" if is_huawei else "workspaceId"
            parameters[name] = project.workspace_id
        call = Call(
            api=self.operation,
            url=session.url("v1", f"{self.path}?{urlencode(parameters)}"),
            expected="a list of notebooks",
            action=self.action,
        )
        answer = await session.fetch(call, NOTEBOOKS_DECODER)
        listing = answer.content
        total = to_limit(listing.total, "total")
        page = item_page(answer, listing.data, total, size)
        workspaces = [row.workspace_id for row in page.rows]
        check_workspaces(answer, workspaces, project.workspace_id)
        return page


ALL_NOTEBOOKS: Final = NotebookList(
    "notebooks", "notebooks/all", "modelarts:notebook:listAllNotebooks"
)
OWN_NOTEBOOKS: Final = NotebookList(
    "own_notebooks", "notebooks", "modelarts:notebook:list"
)
