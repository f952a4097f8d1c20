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

import httpx

from ...apis import Api
from ...cloud.client import (
    Call,
    CloudClient,
    answered_at,
    check_length,
    decode,
    unexpected,
)
from ...cloud.error_codes import check_success
from ...config import Project
from ...deadline import Deadline
from ...errors import CollectionError
from ...kinds import Kind
from ..numbers import Number
from .api import Query, Selections
from .job import Job
from .pages import Page
from .quota import JobQuota
from .statuses import UNFINISHED_PHASES, V1_STATUSES, JobStatus
from .v1_schema import v1_detail, v1_listing, v1_status


_APIS: Final = {
    Kind.TRAINING: (Api.TRAINING_JOBS, "training-jobs", "modelarts:trainJob:list"),
    Kind.VISUALIZATION: (
        Api.VISUALIZATION_JOBS,
        "visualization-jobs",
        "modelarts:tensorboard:list",
    ),
}
_NUMBERS: Final = {status: number for number, status in V1_STATUSES.items()}


class V1Jobs:
    """One project's jobs of one kind, as v1 lists them."""

    statuses = tuple(V1_STATUSES.values())
    unfinished: Selections = tuple(
        (status,) for status in statuses if status.phase in UNFINISHED_PHASES
    )
    finished: Selections = tuple(
        (status,) for status in statuses if status.phase not in UNFINISHED_PHASES
    )
    largest_page = 1000
    default_listing_limit = 20_000

    def __init__(self, client: CloudClient, project: Project, kind: Kind) -> None:
        self.api, path, self._action = _APIS[kind]
        self.reports_remaining_duration = kind is Kind.VISUALIZATION
        self._client = client
        self._project = project
        self._url = f"{client.cloud.modelarts_url}/v1/{project.project_id}/{path}"

    def status_of(self, api_status: Number) -> JobStatus:
        """Return the status of a v1 number."""
        return v1_status(api_status)

    async def page(
        self, deadline: Deadline, query: Query, number: int, size: int
    ) -> Page:
        """Return page `number`, from 1, of `size` jobs. Raises `CollectionError`."""
        call = Call(
            api=self.api,
            url=_url(self._url, self._project.workspace_id, query, number, size),
            expected="a job list",
            action=self._action,
        )
        response = await self._client.ask(self._project, call, deadline)
        listing = decode(call, v1_listing, response)
        check_success(self.api, listing.failed, listing.error_code)
        if listing.jobs is None and listing.total is None:
            raise unexpected(call, response, "it holds no list of jobs")
        check_length(call, response, listing.jobs, size)
        return Page(
            listing.jobs or [], listing.total, answered_at(response), listing.quota
        )

    async def quota(self, deadline: Deadline) -> JobQuota | None:
        """Return None: every page of the listing reports the limits."""
        return None

    async def remaining(self, deadline: Deadline, job: Job) -> int | None:
        """
        Return the milliseconds until `job` stops automatically; None if it does not.

        Also None if the job no longer exists. Raises `CollectionError`.
        """
        call = Call(
            api=self.api,
            url=httpx.URL(f"{self._url}/{quote(str(job.job_id), safe='')}"),
            expected="a job's details",
            action="modelarts:tensorboard:get",
        )
        try:
            response = await self._client.ask(self._project, call, deadline)
        except CollectionError as error:
            if error.failure.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}:
                return None
            raise
        detail = decode(call, v1_detail, response)
        check_success(self.api, detail.failed, detail.error_code)
        return detail.remaining


@lru_cache(maxsize=4096)
def _url(
    base: str, workspace_id: str, query: Query, number: int, size: int
) -> httpx.URL:
    # Cached, because httpx takes longer to parse a URL than to send it.
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
    return httpx.URL(f"{base}?{urlencode(parameters)}")
