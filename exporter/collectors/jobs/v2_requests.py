"""
The v2 API of training jobs: searches, and the quota that Huawei Cloud reports.

Source: ModelArts API reference, "Querying a Training Job List" (`ListTrainingJobs`)
and "Querying Training Quotas" (`ShowTrainingQuotas`, which OTC does not have).
"""

from __future__ import annotations

import asyncio

from http import HTTPStatus
from typing import Final

from ...cloud.call import Call
from ...cloud.session import Session
from ...errors import CollectionError, Reason
from .api import Query, Selections
from .finished_rows import FinishedRows
from .job import Job
from .pages import Page
from .quota import JobQuota
from .statuses import UNFINISHED_PHASES, V2_REPRESENTATIVES, V2_STATUSES
from .v2_schema import v2_quotas, v2_status
from .v2_searches import OPERATION, Searches


_SECONDS_WITHOUT_QUOTA_API: Final = 3600.0
"""How long a cloud without the quota API is not queried again."""

_MAX_QUOTA_BYTES: Final = 256 * 1024


class V2TrainingJobs:
    """One project's training jobs, as v2 lists them."""

    api = OPERATION
    statuses = tuple(V2_STATUSES.values())
    representatives = V2_REPRESENTATIVES
    unfinished: Selections = (
        tuple(status for status in statuses if status.phase in UNFINISHED_PHASES),
    )
    finished: Selections = tuple(
        (status,) for status in statuses if status.phase not in UNFINISHED_PHASES
    )
    largest_page = 50
    default_listing_limit = 500
    reports_remaining_duration = False
    status_of = staticmethod(v2_status)

    def __init__(self) -> None:
        self._searches = Searches()
        self._no_quota_until = 0.0

    async def page(
        self,
        session: Session,
        query: Query,
        number: int,
        size: int,
        known: FinishedRows | None = None,
    ) -> Page:
        """
        Return page `number`, from 1, of `size` jobs, with all rows decoded.

        Pages are too small to save anything. Raises `CollectionError`.
        """
        return await self._searches.page(session, query, number, size)

    async def quota(self, session: Session) -> JobQuota | None:
        """
        Return how many jobs exist and how many more can be created.

        None where the cloud has no such API, or reports no quota of jobs. Raises
        `CollectionError`.
        """
        if asyncio.get_running_loop().time() < self._no_quota_until:
            return None
        call = Call(
            api="training_quotas",
            max_bytes=_MAX_QUOTA_BYTES,
            url=session.url("v2", "training-quotas"),
            expected="a list of quotas",
            # Which of them depends on the kind of policy.
            action="modelarts:trainJob:getQuotas or modelarts:trainJob:get",
        )
        try:
            return (await session.fetch(call, v2_quotas)).content.jobs
        except CollectionError as error:
            failure = error.failure
            if failure.status != HTTPStatus.NOT_FOUND or failure.reason != Reason.API:
                raise
            now = asyncio.get_running_loop().time()
            self._no_quota_until = now + _SECONDS_WITHOUT_QUOTA_API
            return None

    async def remaining(self, session: Session, job: Job) -> int | None:
        """Return None: v2 does not report it."""
        return None
