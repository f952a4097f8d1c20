"""
Searches of v2's training jobs, in the way that the deployment takes them.

Source: ModelArts API reference, "Querying a Training Job List" (`ListTrainingJobs`).
Deployments may differ in two things, which their answers show: whether fine-tuning jobs
can be asked for, and whether offsets count pages, as documented, or jobs.
"""

from __future__ import annotations

from typing import Final

import msgspec
import structlog

from ...cloud.call import Call
from ...cloud.error_codes import rejects_parameter
from ...cloud.session import Session
from ...config import Provider
from ...errors import CollectionError
from ..numbers import to_limit
from ..workspaces import check_workspaces
from .answers import fetch_successful, page_of
from .api import Query
from .job import JobId
from .pages import Page
from .quota import JobQuota
from .statuses import V2_STATUSES
from .v2_schema import v2_search


log: Final = structlog.get_logger(__name__)

OPERATION: Final = "training_job_searches"

_PHASES: Final = {status: name.capitalize() for name, status in V2_STATUSES.items()}


class Searches:
    """Searches one project's jobs, and remembers how that is done here."""

    def __init__(self) -> None:
        self._rejects_unified_jobs = False
        self._offsets_count_jobs = False
        self._first_pages: dict[tuple[Query, int], list[JobId]] = {}

    async def page(
        self, session: Session, query: Query, number: int, size: int
    ) -> Page:
        """Return page `number`, from 1, of `size` jobs. Raises `CollectionError`."""
        page = await self._page(session, query, number, size)
        if self._offsets_count_jobs or query.newest_first or query.name:
            return page
        if number == 1:
            self._first_pages[query, size] = page.ids
        first = self._first_pages.get((query, size), [])
        if number == 2 and _begins_with_second(first, page.ids):  # noqa: PLR2004
            return await self._second_page(session, query, size)
        return page

    async def _second_page(self, session: Session, query: Query, size: int) -> Page:
        # One after the other: deleted jobs move later ones forward, so that a second page
        # that is read last has none of the first, if offsets count pages.
        first = await self._page(session, query, 1, size)
        page = await self._page(session, query, 2, size)
        if not _begins_with_second(first.ids, page.ids):
            return page
        self._offsets_count_jobs = True
        log.info(
            "the API's offsets count jobs, not pages; they are sent so from now on",
            project=session.project.name,
            api=OPERATION,
        )
        return await self._page(session, query, 2, size)

    async def _page(
        self, session: Session, query: Query, number: int, size: int
    ) -> Page:
        offset = (number - 1) * (size if self._offsets_count_jobs else 1)
        search = _search(session.project.workspace_id, query, offset, size)
        is_offered = session.project.cloud.provider is Provider.HUAWEICLOUD
        if self._rejects_unified_jobs or not is_offered:
            return await _answer(session, search)
        unified = msgspec.structs.replace(search, unified_jobs=True)
        try:
            return await _answer(session, unified)
        except CollectionError as error:
            if not rejects_parameter(error.failure):
                raise
        page = await _answer(session, search)
        if not self._rejects_unified_jobs:
            self._rejects_unified_jobs = True
            log.info(
                "the API rejects unified_jobs: fine-tuning jobs are not listed",
                project=session.project.name,
                api=OPERATION,
            )
        return page


class _Filter(msgspec.Struct):
    key: str
    operator: str
    value: tuple[str, ...]


class _Search(msgspec.Struct, omit_defaults=True):
    # No defaults, so these are always sent.
    offset: int
    limit: int
    sort_by: str
    order: str
    filters: list[_Filter] = msgspec.field(default_factory=list)
    workspace_id: str = "0"
    unified_jobs: bool = False
    """Whether to list fine-tuning jobs, too; in the Terraform provider only."""


def _search(workspace_id: str, query: Query, offset: int, size: int) -> _Search:
    filters = []
    if query.statuses:
        phases = tuple(_PHASES[status] for status in query.statuses)
        filters.append(_Filter("phase", "in", phases))
    if query.name:
        filters.append(_Filter("name", "like", (query.name,)))
    return _Search(
        offset=offset,
        limit=size,
        sort_by="create_time",
        order="desc" if query.newest_first else "asc",
        filters=filters,
        workspace_id=workspace_id,
    )


async def _answer(session: Session, search: _Search) -> Page:
    call = Call(
        api=OPERATION,
        url=session.url("v2", "training-job-searches"),
        expected="a job list",
        action="modelarts:trainJob:list",
        method="POST",
        body=msgspec.json.encode(search),
    )
    answer = await fetch_successful(session, call, v2_search)
    found = answer.content
    check_workspaces(answer, [found.workspace_id], search.workspace_id)
    existing = to_limit(found.total, "total")
    total = to_limit(found.count, "count")
    if not search.filters:
        total = total or existing
    quota = JobQuota(created=existing)
    return page_of(answer, found.items, total, quota, search.limit)


def _begins_with_second(first: list[JobId], page: list[JobId]) -> bool:
    """Return whether `page` begins with the second job of `first`, and that is not its last."""
    second = first[1:-1]
    return bool(page and second) and page[0] == second[0]
