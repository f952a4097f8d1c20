"""Counts the jobs of pages, and keeps only the unfinished ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field

from ..numbers import to_ints, to_millis_list
from .aggregates import JobCounts
from .completions import FIRST_COLLECTION, Baseline, CompletionObserver
from .job import Job, JobId, normalize_ids
from .pages import Page
from .quota import JobQuota
from .rows import Row, StatusOf, by_status
from .statuses import FINISHED_PHASES, UNFINISHED_PHASES


@dataclass(slots=True)
class Snapshot:
    """The jobs that a scan counted; `observer` looks at the same pages."""

    counts: JobCounts
    status_of: StatusOf
    baseline: InitVar[Baseline] = FIRST_COLLECTION
    quota: JobQuota = field(default_factory=JobQuota)
    complete: bool = True
    """Whether all jobs were listed."""

    unfinished: dict[JobId, Job] = field(default_factory=dict)
    newest_page: Page | None = None
    """The first page of all jobs, newest first, if not all jobs were listed."""

    observer: CompletionObserver = field(init=False)

    def __post_init__(self, baseline: Baseline) -> None:
        self.observer = CompletionObserver(baseline, self.status_of)

    def add(self, page: Page, rows: Sequence[Row]) -> None:
        """Count `rows`, all or some of those of `page`. Raises `CollectionError`."""
        self.quota = page.quota
        unfinished = self.observer.observe(page)
        is_whole = len(rows) == len(page.rows)
        groups = page.by_status if is_whole else by_status(rows)
        for api_status, members in groups.items():
            status = self.status_of(api_status)
            durations = to_ints([row.duration for row in members], "duration")
            created = (
                to_millis_list([row.create_time for row in members], "create_time")
                if status.phase in UNFINISHED_PHASES
                else []
            )
            self.counts.add(
                status,
                len(members),
                [duration for duration in durations if duration >= 0],
                created,
            )
            if status.phase not in FINISHED_PHASES:
                ids = normalize_ids([row.job_id for row in members])
                self.unfinished |= {job_id: unfinished[job_id] for job_id in ids}

    def absorb(self, other: Snapshot) -> None:
        """Add other jobs of the same list."""
        self.counts.absorb(other.counts)
        self.unfinished |= other.unfinished
        self.observer.absorb(other.observer)
