"""
The ModelArts workspaces of a project.

Source: ModelArts API reference, "Querying Workspaces" (Huawei Cloud only).
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import msgspec

from ...errors import CollectionError, Failure
from ..call import Call
from ..session import Session
from .row_values import RowValue, to_id, to_name


DEFAULT_WORKSPACE: Final = "0"

# It is not known whether `offset` counts pages or workspaces, so one page has to do.
_QUERY: Final = {
    "limit": "1000",
    "offset": "0",
    "filter_accessible": "true",
    "sort_by": "name",
    "order": "asc",
}
_NOT_ENABLED: Final = "ModelArts.7002"
_NEVER_CREATED: Final = "CREATE_FAILED"


@dataclass(frozen=True, slots=True, order=True)
class Workspace:
    """A workspace that may have jobs; `name` is empty if it has none that can be used."""

    name: str
    workspace_id: str


class _Row(msgspec.Struct):
    id: RowValue = None
    name: RowValue = None
    status: str | None = None


class _Answer(msgspec.Struct):
    workspaces: list[_Row]


_decoder: Final = msgspec.json.Decoder(_Answer)


async def list_workspaces(session: Session) -> tuple[Workspace, ...]:
    """
    Return the workspaces of the session's project but the default one, by name.

    There are none where the cloud has no workspaces. Raises `CollectionError`.
    """
    call = Call(
        api="workspaces",
        url=session.url("v1", "workspaces").copy_with(params=_QUERY),
        expected="a list of workspaces",
        action="modelarts:workspace:list",
    )
    try:
        answer = await session.fetch(call, _decoder)
    except CollectionError as error:
        if _is_not_offered(error.failure):
            return ()
        raise
    found = {
        workspace_id: Workspace(to_name(row.name), workspace_id)
        for row in answer.content.workspaces
        if row.status != _NEVER_CREATED
        and (workspace_id := to_id(row.id)) not in {None, DEFAULT_WORKSPACE}
    }
    return tuple(sorted(found.values()))


def _is_not_offered(failure: Failure) -> bool:
    return failure.status == HTTPStatus.NOT_FOUND or failure.error_code == _NOT_ENABLED
