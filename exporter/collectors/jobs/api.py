"""The interface of an API that lists jobs, for all versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from ...cloud.session import Session
from ..numbers import Number
from ..statuses import Status
from .finished_rows import FinishedRows
from .job import Job
from .pages import Page
from .quota import JobQuota


@dataclass(frozen=True, slots=True)
class Query:
    """Filters of a listing, which is sorted by creation time; the default is all jobs."""

    statuses: tuple[Status, ...] = ()
    name: str = ""
    """A part of the jobs' names."""

    newest_first: bool = False


ALL_JOBS: Final = Query()

Selections: TypeAlias = tuple[tuple[Status, ...], ...]


class JobsApi(Protocol):
    """An API that lists jobs of one kind."""

    api: str
    """The operation that lists the jobs."""

    statuses: tuple[Status, ...]
    """All statuses in the API reference."""

    representatives: tuple[Status, ...]
    """A status of each phase."""

    unfinished: Selections
    """Statuses of unfinished jobs, grouped so that one query can select each group."""

    finished: Selections
    """All other statuses, one per query."""

    largest_page: int
    default_listing_limit: int
    """Above this number jobs are counted, not listed, unless configured otherwise."""

    reports_remaining_duration: bool

    def status_of(self, api_status: Number) -> Status:
        """Return the status for the API's value."""

    async def page(
        self,
        session: Session,
        query: Query,
        number: int,
        size: int,
        known: FinishedRows | None = None,
    ) -> Page:
        """
        Return page `number`, from 1, of `size` jobs, all rows of which are decoded.

        Those of `known` need not be, if the page begins with them. Raises
        `CollectionError`.
        """

    async def quota(self, session: Session) -> JobQuota | None:
        """
        Return the quota; None if the listing itself reports the limits.

        Raises `CollectionError`.
        """

    async def remaining(self, session: Session, job: Job) -> int | None:
        """
        Return the milliseconds until `job` stops automatically; None if it does not.

        Raises `CollectionError`.
        """


NEWEST_JOBS: Final = Query(newest_first=True)
