"""
Polls one project's jobs of a kind: their numbers, and what goes with them.

What is asked for beside the numbers (a quota, details, the ends of jobs) may fail, or
take too long, and then costs only itself.
"""

from __future__ import annotations

import asyncio

from dataclasses import replace

from ...cloud.session import Session
from ...config import CollectionSettings
from ...errors import Failure
from ..base import Progress, Target
from ..base import Snapshot as ProductSnapshot
from ..concurrency import attempt, run_together
from ..examination import Examination
from ..phases import Phase
from ..remembered_counts import RememberedCounts
from .aggregates import empty_counts
from .api import JobsApi
from .completion_search import find_completions
from .completions import CompletionTracker
from .counting import CountingState, collect_jobs
from .examination import examine_jobs
from .job import Job
from .labels import JobLabels
from .listing import Listing, PartialResult, longest_running, select_jobs
from .paginator import Paginator, PagingHints
from .quota import JobQuota
from .reading import JobReading
from .snapshot import Snapshot
from .versions import jobs_api


class JobPoller:
    """Polls one project's jobs of a kind, and keeps what the next poll needs."""

    def __init__(self, target: Target, settings: CollectionSettings) -> None:
        self._api: JobsApi = jobs_api(target)
        self._target = target
        self._labels = JobLabels(target, self._api.statuses, settings.duration_buckets)
        self._settings = settings
        self._bounds = tuple(round(bound * 1000) for bound in settings.duration_buckets)
        self._counting = self._new_counting_state()
        self._statuses = RememberedCounts(self._api.representatives)
        self._has_had_jobs = False
        self._tracker = CompletionTracker(self._bounds)

    @property
    def operation(self) -> str:
        """The API call that lists the jobs."""
        return self._api.api

    def reading(self, snapshot: ProductSnapshot | None) -> JobReading:
        """Return what becomes metrics: the listing, and the jobs that finished so far."""
        numbers = {}
        if isinstance(snapshot, Listing):
            found = snapshot.counts.statuses
            numbers = self._statuses.added_to(
                {status: number for status, number in found.items() if number}
            )
            self._has_had_jobs |= snapshot.number > 0
        return JobReading(
            self._labels.own,
            snapshot,
            self._labels,
            numbers,
            self._tracker.so_far,
            self._has_had_jobs,
            is_complete=snapshot.complete if isinstance(snapshot, Listing) else None,
        )

    def reconfigure(self, settings: CollectionSettings) -> bool:
        """Use other settings from the next poll on; False if the buckets differ."""
        earlier = self._settings
        if earlier.duration_buckets != settings.duration_buckets:
            return False
        self._settings = settings
        if earlier.page_size != settings.page_size:
            self._counting = self._new_counting_state()
        return True

    async def examine(self, session: Session) -> Examination:
        """Ask for the first page and the quota once."""
        return await examine_jobs(
            self._api, self._target, session, self._settings.page_size
        )

    async def poll(self, session: Session, progress: Progress) -> Listing:
        """
        Return the listing; until then, `progress` holds the part that is known.

        Raises `CollectionError` if the jobs could not be collected.
        """
        quota = asyncio.create_task(attempt(self._api.quota, session))
        try:
            paginator = self._paginator(session)
            snapshot = await collect_jobs(
                paginator,
                self._counting,
                self._settings.listing_limit or self._api.default_listing_limit,
            )
            partial_result = PartialResult(self._listing(snapshot), snapshot.quota)
            progress.partial_result = partial_result
            missing = await asyncio.gather(
                self._add_quota(partial_result, snapshot, quota),
                self._add_remaining(partial_result, session),
                attempt(self._find_completions, paginator, snapshot),
            )
        finally:
            quota.cancel()
        return partial_result.frozen(filter(None, missing))

    def _paginator(self, session: Session) -> Paginator:
        baseline = self._tracker.baseline
        return Paginator(
            session,
            self._api,
            self._counting.hints,
            lambda: Snapshot(
                empty_counts(self._bounds, self._api.statuses),
                self._api.status_of,
                baseline,
            ),
            since=baseline.since,
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
        if quota is not None:
            created = quota.created
            partial_result.quota = (
                replace(quota, created=snapshot.quota.created)
                if created is None
                else quota
            )
        return None

    async def _add_remaining(
        self, partial_result: PartialResult, session: Session
    ) -> Failure | None:
        selection = partial_result.jobs.selection
        if selection is None or not self._api.reports_remaining_duration:
            return None
        failures: list[Failure] = []

        async def ask(job: Job) -> None:
            milliseconds = await attempt(self._api.remaining, session, job)
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
            shows_users=self._settings.user_series,
            longest=longest_running(jobs),
            selection=select_jobs(jobs, series.max_per_project)
            if series.enabled
            else None,
        )

    def _new_counting_state(self) -> CountingState:
        return CountingState(
            PagingHints(min(self._settings.page_size, self._api.largest_page)),
            labels={
                "project": self._target.project.name,
                "kind": self._target.kind,
                "api_version": self._target.api_version,
                "api": self.operation,
            },
        )
