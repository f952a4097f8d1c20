"""
The requests about pools: two for all pools of a project, the others for one pool each.

Source: ModelArts API reference, "Dedicated Resource Pool Management" (`ListPools`,
`ShowPoolRuntimeMetrics`, `ShowWorkloadStatistics`, `ListWorkloads`, `ListPoolNodes`).
A pool that is deleted between two requests is no failure: its own answer is None.
"""

from __future__ import annotations

from typing import Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from ...cloud.call import Call
from ...cloud.session import Answer, Session
from ...errors import CollectionError
from ..numbers import to_millis
from ..workspaces import check_workspaces
from .answers import node_use_of, pools_of, usages_of, workloads_of
from .pool import NamedUsage, NodeUse, Pool, PoolId, WorkloadCounts
from .schema import (
    NodeItem,
    NodeList,
    node_list,
    pool_list,
    statistics,
    usage_list,
    workload_list,
)
from .statuses import QUEUED, WORKLOAD_STATUSES


POOLS: Final = "pools"
"""The operation that lists the pools."""

_DEFAULT_WORKSPACE: Final = "0"
_POOL_NOT_FOUND: Final = "ModelArts.50015001"
_OLDEST_QUEUED: Final = "status=Queue&sort=create_time&ascend=true&limit=1"
_MAX_NODE_PAGES: Final = 100

T = TypeVar("T")


async def fetch_pools(session: Session) -> dict[PoolId, Pool]:
    """Return the project's pools by their IDs. Raises `CollectionError`."""
    call = _call_for_all(session, POOLS, "pools", expected="a list of pools")
    answer = await session.fetch(call, pool_list)
    items = answer.content.items
    labels = (item.metadata.labels for item in items)
    workspaces = (found.workspace_id for found in labels if found)
    check_workspaces(answer, workspaces, session.project.workspace_id)
    return pools_of(items)


async def fetch_usages(session: Session) -> list[NamedUsage]:
    """Return the usage of the project's pools. Raises `CollectionError`."""
    path, expected = "metrics/runtime/pools", "the usage of pools"
    call = _call_for_all(session, "pool_metrics", path, expected=expected)
    return usages_of((await session.fetch(call, usage_list)).content.items)


async def fetch_workloads(session: Session, pool: Pool) -> WorkloadCounts | None:
    """Return the number of a pool's workloads. Raises `CollectionError`."""
    path = f"statistics/pools/{_quoted(pool)}/workloads"
    expected = "statistics of workloads"
    call = _call(session, "pool_workload_statistics", path, expected=expected)
    answer = await _if_pool_exists(session, call, statistics)
    if answer is None:
        return None
    found = answer.content.statistics or answer.content.statics
    if found is None:
        raise answer.unexpected("it holds no statistics")
    return workloads_of(found)


async def fetch_oldest_queued(session: Session, pool: Pool) -> float | None:
    """
    Return the Unix time at which the oldest queued workload was created.

    None if none is queued. Raises `CollectionError`.
    """
    path = f"pools/{_quoted(pool)}/workloads?{_OLDEST_QUEUED}"
    call = _call(session, "pool_workloads", path, expected="a list of workloads")
    answer = await _if_pool_exists(session, call, workload_list)
    if answer is None:
        return None
    rows = answer.content.items
    if any(WORKLOAD_STATUSES.of(row.status) is not QUEUED for row in rows):
        raise answer.unexpected("it lists others than the queued workloads requested")
    created = [to_millis(row.created, "createTime") for row in rows]
    return min((time / 1000 for time in created if time is not None), default=None)


async def fetch_nodes(session: Session, pool: Pool) -> NodeUse | None:
    """Return the use of a pool's nodes, page by page. Raises `CollectionError`."""
    nodes: list[NodeItem] = []
    pages, proceed = 0, ""
    while True:
        answer = await _node_page(session, pool, proceed)
        if answer is None:
            return None
        nodes += answer.content.items
        paging = answer.content.metadata
        if paging is None or not paging.proceed:
            return node_use_of(nodes)
        pages, proceed = pages + 1, paging.proceed
        if pages == _MAX_NODE_PAGES:
            raise answer.unexpected(f"it goes on after {pages} pages")


async def _node_page(
    session: Session, pool: Pool, proceed: str
) -> Answer[NodeList] | None:
    path = f"pools/{_quoted(pool)}/nodes"
    if proceed:
        path = f"{path}?{urlencode({'continue': proceed})}"
    call = _call(session, "pool_nodes", path, expected="a list of nodes")
    return await _if_pool_exists(session, call, node_list)


def _call_for_all(session: Session, api: str, path: str, *, expected: str) -> Call:
    workspace_id = session.project.workspace_id
    if workspace_id != _DEFAULT_WORKSPACE:
        path = f"{path}?{urlencode({'workspaceId': workspace_id})}"
    return _call(session, api, path, expected=expected, action="modelarts:pool:list")


def _call(
    session: Session,
    api: str,
    path: str,
    *,
    expected: str,
    action: str = "modelarts:pool:get",
) -> Call:
    url = session.url("v2", path)
    return Call(api=api, url=url, expected=expected, action=action)


def _quoted(pool: Pool) -> str:
    return quote(pool.pool_id, safe="")


async def _if_pool_exists(
    session: Session, call: Call, decoder: msgspec.json.Decoder[T]
) -> Answer[T] | None:
    try:
        return await session.fetch(call, decoder)
    except CollectionError as error:
        if error.failure.error_code == _POOL_NOT_FOUND:
            return None
        raise
