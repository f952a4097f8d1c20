"""
The v1 APIs: training jobs of the old version, and visualization jobs.

Source: ModelArts API reference, "Querying a Training Job List" (`modelarts_03_0046`),
"Querying the List of Visualization Jobs" (`modelarts_03_0065`) and "Querying Details
About a Visualization Job" (`modelarts_03_0066`).
"""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlencode

from ...cloud.call import Call
from ...cloud.session import Session
from ...errors import CollectionError
from .answers import fetch_successful, page_of_encoded
from .api import Query, Selections
from .finished_rows import FinishedRows
from .job import Job
from .kinds import Kind
from .pages import Page
from .quota import JobQuota
from .statuses import UNFINISHED_PHASES, V1_REPRESENTATIVES, V1_STATUSES
from .v1_schema import v1_detail, v1_listing, v1_status


_APIS: Final = {
    Kind.TRAINING: ("training_jobs", "training-jobs", "modelarts:trainJob:list"),
    Kind.VISUALIZATION: (
        "visualization_jobs",
        "visualization-jobs",
        "modelarts:tensorboard:list",
    ),
}
_NUMBERS: Final = {status: number for number, status in V1_STATUSES.items()}


class V1Jobs:
    """Jobs of one kind, as v1 lists them."""

    statuses = tuple(V1_STATUSES.values())
    representatives = V1_REPRESENTATIVES
    unfinished: Selections = tuple(
        (status,) for status in statuses if status.phase in UNFINISHED_PHASES
    )
    finished: Selections = tuple(
        (status,) for status in statuses if status.phase not in UNFINISHED_PHASES
    )
    largest_page = 1000
    default_listing_limit = 20_000
    status_of = staticmethod(v1_status)

    def __init__(self, kind: Kind) -> None:
        self.api, self._path, self._action = _APIS[kind]
        self.reports_remaining_duration = kind is Kind.VISUALIZATION

    async def page(
        self,
        session: Session,
        query: Query,
        number: int,
        size: int,
        known: FinishedRows | None = None,
    ) -> Page:
        """
        Return page `number`, from 1, of `size` jobs, which may begin with `known`.

        Raises `CollectionError`.
        """
        parameters = _parameters(session.project.workspace_id, query, number, size)
        call = Call(
            api=self.api,
            url=session.url("v1", f"{self._path}?{parameters}"),
            expected="a job list",
            action=self._action,
        )
        answer = await fetch_successful(session, call, v1_listing)
        listing = answer.content
        return page_of_encoded(
            answer,
            listing.rows,
            known,
            total=listing.total,
            quota=listing.quota,
            size=size,
        )

    async def quota(self, session: Session) -> JobQuota | None:
        """Return None: every page of the listing reports the limits."""
        return None

    async def remaining(self, session: Session, job: Job) -> int | None:
        """
        Return the milliseconds until `job` stops automatically; None if it does not.

        Also None if the job no longer exists. Raises `CollectionError`.
        """
        call = Call(
            api=self.api,
            url=session.url("v1", f"{self._path}/{quote(str(job.job_id), safe='')}"),
            expected="a job's details",
            action="modelarts:tensorboard:get",
        )
        try:
            answer = await fetch_successful(session, call, v1_detail)
        except CollectionError as error:
            if error.failure.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}:
                return None
            raise
        return answer.content.remaining


@lru_cache(maxsize=1024)
def _parameters(workspace_id: str, query: Query, number: int, size: int) -> str:
    parameters: dict[str, str | int] = {
        "order": "desc" if query.newest_first else "asc",
        "page": number,
        "per_page": size,
        "sortBy": "create_time",
    }
    if query.statuses:
        (status,) = query.statuses
        parameters["status"] = _NUMBERS[status]
    if query.name:
        parameters["search_content"] = query.name
    if workspace_id != "0":
        parameters["workspace_id"] = workspace_id
    return urlencode(parameters)
