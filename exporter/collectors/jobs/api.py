"""What the collection needs of an API that lists jobs, whichever version it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from ...apis import Api
from ...deadline import Deadline
from ..numbers import Number
from .job import Job
from .pages import Page
from .quota import JobQuota
from .statuses import JobStatus


@dataclass(frozen=True, slots=True)
class Query:
    """Which jobs are asked for, sorted by creation time: all, if nothing is said."""

    statuses: tuple[JobStatus, ...] = ()
    name: str = ""
    """Part of their names."""

    newest_first: bool = False


ALL_JOBS: Final = Query()

Selections: TypeAlias = tuple[tuple[JobStatus, ...], ...]


class JobsApi(Protocol):
    """One project's jobs of one kind."""

    api: Api
    """The call that lists them."""

    statuses: tuple[JobStatus, ...]
    """Those that the API's reference lists."""

    unfinished: Selections
    """Statuses of jobs that go on, as one query each can ask for them."""

    finished: Selections
    """All other statuses, one by one."""

    largest_page: int
    default_listing_limit: int
    """Above how many jobs they are counted, if the configuration does not say."""

    reports_remaining_duration: bool

    def status_of(self, api_status: Number) -> JobStatus:
        """Return the status that the API means."""

    async def page(
        self, deadline: Deadline, query: Query, number: int, size: int
    ) -> Page:
        """Return page `number`, from 1, of `size` jobs. Raises `CollectionError`."""

    async def quota(self, deadline: Deadline) -> JobQuota | None:
        """
        Return the quota; None if the listing reports all that there is.

        Raises `CollectionError`.
        """

    async def remaining(self, deadline: Deadline, job: Job) -> int | None:
        """
        Return the milliseconds until `job` stops by itself; None if it does not.

        Raises `CollectionError`.
        """


NEWEST_JOBS: Final = Query(newest_first=True)
