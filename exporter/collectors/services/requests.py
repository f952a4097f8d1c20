"""
Lists the services of one API version.

Sources: ModelArts API reference, "Obtaining Services" (v1) and `ListInferServices` (v2).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar, Final, Protocol
from urllib.parse import urlencode

from ...cloud.call import Call
from ...cloud.session import Session
from ..contradictions import ContradictionError
from ..item_pages import ItemPage, item_page, list_items
from ..numbers import to_limit
from ..workspaces import check_workspaces
from .service import Service
from .v1_schema import V1Service, v1_services
from .v2_schema import V2Service, v2_services


_V1_PAGE_SIZE: Final = 1000
_V2_PAGE_SIZE: Final = 500


class ServicesApi(Protocol):
    """A version of the API."""

    operation: ClassVar[str]

    async def services(self, session: Session) -> Sequence[Service]:
        """Return the project's services. Raises `CollectionError`."""


class V1ServicesApi:
    """
    The version that both clouds have.

    Its reference says that offsets count pages, and clients of it count services.
    """

    operation: ClassVar[str] = "services"

    def __init__(self) -> None:
        self._offset_counts_pages = False
        self._pages = 1

    async def services(self, session: Session) -> Sequence[Service]:
        """Return the project's services. Raises `CollectionError`."""
        try:
            return await self._list(session)
        except ContradictionError:
            self._offset_counts_pages = not self._offset_counts_pages
            return await self._list(session)

    async def _list(self, session: Session) -> Sequence[Service]:
        read = partial(self._page, session)
        result = await list_items(read, _V1_PAGE_SIZE, self._pages)
        self._pages = result.pages
        return [row.service() for row in result.content]

    async def _page(
        self, session: Session, offset: int, size: int
    ) -> ItemPage[V1Service]:
        parameters: dict[str, int | str] = {
            "limit": size,
            "offset": offset // size if self._offset_counts_pages else offset,
            "sort_by": "publish_at",
            "order": "asc",
        }
        call = _call(session, self.operation, "v1", parameters)
        answer = await session.fetch(call, v1_services)
        found = answer.content
        total = to_limit(found.total_count, "total_count")
        page = item_page(answer, found.services, total, size)
        workspaces = [row.workspace_id for row in page.rows]
        check_workspaces(answer, workspaces, session.project.workspace_id)
        return page


class V2ServicesApi:
    """The version that Huawei Cloud alone has."""

    operation: ClassVar[str] = "services_v2"

    def __init__(self) -> None:
        self._pages = 1

    async def services(self, session: Session) -> Sequence[Service]:
        """Return the project's services. Raises `CollectionError`."""
        read = partial(self._page, session)
        result = await list_items(read, _V2_PAGE_SIZE, self._pages)
        self._pages = result.pages
        return [row.service() for row in result.content]

    async def _page(
        self, session: Session, offset: int, size: int
    ) -> ItemPage[V2Service]:
        parameters: dict[str, int | str] = {
            "limit": size,
            "offset": offset,
            "sort_key": "create_at",
            "sort_dir": "ASC",
        }
        call = _call(session, self.operation, "v2", parameters)
        answer = await session.fetch(call, v2_services)
        found = answer.content
        total = to_limit(found.total, "total")
        page = item_page(answer, found.data, total, size)
        workspaces = [row.workspace_id for row in page.rows]
        check_workspaces(answer, workspaces, session.project.workspace_id)
        return page


def _call(
    session: Session, operation: str, version: str, parameters: dict[str, int | str]
) -> Call:
    if session.project.workspace_id != "0":
        parameters["workspace_id"] = session.project.workspace_id
    return Call(
        api=operation,
        url=session.url(version, f"services?{urlencode(parameters)}"),
        expected="a list of services",
        action="modelarts:service:list",
    )
