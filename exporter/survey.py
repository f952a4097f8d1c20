"""
What is asked of one project's jobs of a kind: their numbers, and what goes with them.

What is asked for beside the numbers (a quota, details, the ends of jobs) may fail, or
take too long, and then costs only itself.
"""

from __future__ import annotations

import asyncio

from collections.abc import Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar

import structlog

from .budget import Deadline
from .census import Census
from .client import CloudClient
from .config import Collection as Settings
from .config import Project
from .counting import Method, collect_jobs, find_ends
from .endings import Ended, Endings
from .errors import CollectionError, Failure
from .jobs import Job, Kind, Phase
from .listing import Habit, run_together
from .modelarts import JobsApi, jobs_api
from .report import Listing, longest_running, select_jobs
from .tally import Quota, empty_tally


log: Final = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(slots=True)
class Progress:
    """How far a survey is, and until when it may take."""

    deadline: Deadline
    listing: Listing | None = None
    """What stands already, while what goes with it is still asked for."""


class Survey:
    """The questions about one project and kind, and what is kept between them."""

    def __init__(
        self, project: Project, kind: Kind, client: CloudClient, settings: Settings
    ) -> None:
        self.api: JobsApi = jobs_api(client, project, kind)
        self._project = project
        self._kind = kind
        self._settings = settings
        self._bounds = tuple(round(bound * 1000) for bound in settings.duration_buckets)
        self._method = self._new_method()
        self._endings = Endings(self._bounds)

    @property
    def ended(self) -> Ended:
        """The jobs that were seen to end so far."""
        return self._endings.so_far

    def reconfigure(self, settings: Settings) -> None:
        """Go on with other settings but the same buckets, from the next time on."""
        earlier, self._settings = self._settings, settings
        if earlier.page_size != settings.page_size:
            self._method = self._new_method()

    async def ask(self, progress: Progress) -> Listing:
        """
        Return what there is to know; `progress` holds what stands meanwhile.

        Raises `CollectionError` if the jobs could not be collected.
        """
        quota = asyncio.create_task(attempt(self.api.quota(progress.deadline)))
        try:
            census = await self._jobs(progress.deadline)
            progress.listing = self._listing(census)
            missing = await asyncio.gather(
                self._add_quota(progress, census, quota),
                self._add_remaining(progress),
                attempt(self._find_ends(progress.deadline, census)),
            )
        finally:
            quota.cancel()
        return replace(progress.listing, shortfalls=tuple(filter(None, missing)))

    async def _jobs(self, deadline: Deadline) -> Census:
        method = self._method
        distrusted = method.distrusted
        watch = self._endings.watch
        census = await collect_jobs(
            partial(self.api.page, deadline),
            self.api,
            method,
            lambda: Census(
                empty_tally(self._bounds, self.api.statuses),
                self.api.status_of,
                watch,
            ),
            self._settings.listing_limit or self.api.usual_listing_limit,
        )
        if method.distrusted and not distrusted:
            log.warning(
                "the API's numbers of jobs by status do not add up: all are listed",
                project=self._project.name,
                kind=self._kind,
                api=self.api.api,
                jobs=census.tally.number,
            )
        return census

    async def _add_quota(
        self,
        progress: Progress,
        census: Census,
        asked: asyncio.Task[Quota | Failure | None],
    ) -> Failure | None:
        told = await asked
        if isinstance(told, Failure):
            return told
        if progress.listing is not None:
            progress.listing = replace(progress.listing, quota=told or census.quota)
        return None

    async def _add_remaining(self, progress: Progress) -> Failure | None:
        if progress.listing is None or progress.listing.selection is None:
            return None
        failures: list[Failure] = []
        remaining = progress.listing.remaining

        async def ask(job: Job) -> None:
            told = await attempt(self.api.remaining(progress.deadline, job))
            if isinstance(told, Failure):
                failures.append(told)
            elif told is not None:
                remaining[job.job_id] = told

        if self.api.tells_remaining_duration:
            await run_together(ask(job) for job in progress.listing.selection.jobs)
        return failures[0] if failures else None

    async def _find_ends(self, deadline: Deadline, census: Census) -> None:
        fetch = partial(self.api.page, deadline)
        await find_ends(fetch, self.api, self._method.habit, census)
        self._endings.record(census)

    def _listing(self, census: Census) -> Listing:
        jobs = census.unfinished.values()
        series = self._settings.job_series
        return Listing(
            census.tally,
            complete=census.complete,
            resources=tuple(
                job.resources
                for job in jobs
                if job.resources is not None and job.status.phase is Phase.RUNNING
            ),
            longest=longest_running(jobs),
            selection=select_jobs(jobs, series.max_per_project)
            if series.enabled
            else None,
        )

    def _new_method(self) -> Method:
        return Method(Habit(min(self._settings.page_size, self.api.largest_page)))


async def attempt(asked: Coroutine[None, None, T]) -> T | Failure:
    """Return what was asked for, or why it failed."""
    try:
        return await asked
    except CollectionError as error:
        return error.failure
