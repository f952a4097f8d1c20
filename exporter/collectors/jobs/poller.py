"""
Polls one project's jobs of a kind: their numbers, and what goes with them.

What is asked for beside the numbers (a quota, details, the ends of jobs) may fail, or
take too long, and then costs only itself.
"""

from __future__ import annotations

import asyncio

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TypeVar

from ...cloud.client import CloudClient
from ...cloud.session import Session
from ...config import CollectionSettings, Project
from ...deadline import Deadline
from ...errors import CollectionError, Failure
from ...kinds import Kind
from ..concurrency import run_together
from .aggregates import empty_counts
from .api import JobsApi
from .completion_search import find_completions
from .completions import Completions, CompletionTracker
from .counting import CountingState, collect_jobs
from .job import Job
from .listing import Listing, PartialResult, longest_running, select_jobs
from .paginator import Paginator, PagingHints
from .quota import JobQuota
from .snapshot import Snapshot
from .statuses import Phase
from .versions import jobs_api


T = TypeVar("T")


@dataclass(slots=True)
class Progress:
    """How far a poll has got, and its deadline."""

    deadline: Deadline
    partial_result: PartialResult | None = None
    """None until the jobs have been collected."""


class Poller:
    """Polls one project's jobs of a kind, and keeps what the next poll needs."""

    def __init__(
        self,
        project: Project,
        kind: Kind,
        client: CloudClient,
        settings: CollectionSettings,
    ) -> None:
        self.api: JobsApi = jobs_api(project, kind)
        self._client = client
        self._project = project
        self._kind = kind
        self._settings = settings
        self._bounds = tuple(round(bound * 1000) for bound in settings.duration_buckets)
        self._counting = self._new_counting_state()
        self._tracker = CompletionTracker(self._bounds)

    @property
    def completions(self) -> Completions:
        """The jobs that were seen to end so far."""
        return self._tracker.so_far

    def reconfigure(self, settings: CollectionSettings) -> None:
        """Go on with other settings but the same buckets, from the next time on."""
        earlier, self._settings = self._settings, settings
        if earlier.page_size != settings.page_size:
            self._counting = self._new_counting_state()

    async def poll(self, progress: Progress) -> Listing:
        """
        Return the listing; until then, `progress` holds the part that is known.

        Raises `CollectionError` if the jobs could not be collected.
        """
        session = self._client.session(self._project, progress.deadline)
        quota = asyncio.create_task(attempt(self.api.quota(session)))
        try:
            paginator = self._paginator(session)
            snapshot = await collect_jobs(
                paginator,
                self._counting,
                self._settings.listing_limit or self.api.default_listing_limit,
            )
            partial_result = PartialResult(self._listing(snapshot))
            progress.partial_result = partial_result
            missing = await asyncio.gather(
                self._add_quota(partial_result, snapshot, quota),
                self._add_remaining(partial_result, session),
                attempt(self._find_completions(paginator, snapshot)),
            )
        finally:
            quota.cancel()
        return partial_result.frozen(filter(None, missing))

    def _paginator(self, session: Session) -> Paginator:
        baseline = self._tracker.baseline
        return Paginator(
            session,
            self.api,
            self._counting.hints,
            lambda: Snapshot(
                empty_counts(self._bounds, self.api.statuses),
                self.api.status_of,
                baseline,
            ),
        )

    async def _add_quota(
        self,
        partial_result: PartialResult,
        snapshot: Snapshot,
        asked: asyncio.Task[JobQuota | Failure | None],
    ) -> Failure | None:
        quota = await asked
        if isinstance(quota, Failure):
            return quota
        partial_result.quota = quota or snapshot.quota
        return None

    async def _add_remaining(
        self, partial_result: PartialResult, session: Session
    ) -> Failure | None:
        selection = partial_result.jobs.selection
        if selection is None or not self.api.reports_remaining_duration:
            return None
        failures: list[Failure] = []

        async def ask(job: Job) -> None:
            milliseconds = await attempt(self.api.remaining(session, job))
            if isinstance(milliseconds, Failure):
                failures.append(milliseconds)
            elif milliseconds is not None:
                partial_result.remaining[job.job_id] = milliseconds

        await run_together(ask(job) for job in selection.jobs)
        return failures[0] if failures else None

    async def _find_completions(self, paginator: Paginator, snapshot: Snapshot) -> None:
        await find_completions(paginator, snapshot)
        self._tracker.record(snapshot.observer)

    def _listing(self, snapshot: Snapshot) -> Listing:
        jobs = snapshot.unfinished.values()
        series = self._settings.job_series
        return Listing(
            snapshot.counts,
            complete=snapshot.complete,
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

    def _new_counting_state(self) -> CountingState:
        return CountingState(
            PagingHints(min(self._settings.page_size, self.api.largest_page)),
            labels={
                "project": self._project.name,
                "kind": self._kind,
                "api": self.api.api,
            },
        )


async def attempt(asked: Coroutine[None, None, T]) -> T | Failure:
    """Return what was asked for, or why it failed."""
    try:
        return await asked
    except CollectionError as error:
        return error.failure
