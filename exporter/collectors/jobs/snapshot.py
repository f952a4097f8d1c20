"""
What was seen of a list of jobs: how many, the unfinished ones, the finished ones.

Pages are added as they come. Of all the jobs only a few are kept: those that have not
ended, and those whose end the last reading cannot have seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ..numbers import Number, to_ints, to_millis, to_millis_list
from .aggregates import JobCounts
from .job import Job, JobId, normalize_id
from .pages import Page, Row, StatusOf, job_of
from .quota import JobQuota
from .statuses import FINISHED_PHASES, UNFINISHED_PHASES


OVERLAP_MILLISECONDS: Final = 600_000
"""
How far back before the newest job an earlier reading may have missed one.

A job that is created while the list is read may or may not be seen, and creation times
may be out of order by as much as clocks differ. The IDs of jobs that are younger than
this and have ended are kept, to recognize those that are known.
"""


@dataclass(frozen=True, slots=True)
class Baseline:
    """
    What an earlier snapshot knew, to find the jobs that have completed since.

    These are the ends of `unfinished` jobs, and of jobs created at `since`
    (milliseconds since the epoch) or later; None if there was no earlier reading.
    """

    unfinished: Mapping[JobId, Job] = field(default_factory=dict)
    since: int | None = None


@dataclass(slots=True)
class Snapshot:
    """The result of a reading; `complete` means that it listed all jobs."""

    counts: JobCounts
    status_of: StatusOf
    baseline: Baseline = field(default_factory=Baseline)
    quota: JobQuota = field(default_factory=JobQuota)
    complete: bool = True
    unfinished: dict[JobId, Job] = field(default_factory=dict)
    ended: dict[JobId, Job] = field(default_factory=dict)
    newest: int | None = None
    """When the newest job was created, in milliseconds since the epoch."""

    unfinished_not_counted: dict[JobId, Job] = field(default_factory=dict)
    """Unfinished jobs that were observed but not counted."""

    newest_page: Page | None = None
    """The last page of all jobs, newest first, where nothing but that was listed."""

    def add(self, page: Page, rows: Sequence[Row]) -> None:
        """Count `rows`, all or some of those of `page`. Raises `CollectionError`."""
        groups = _groups(rows)
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
                self._keep(members, self.unfinished)
        self._observe(page)

    def observe(self, page: Page) -> None:
        """Look at a page's jobs without counting them. Raises `CollectionError`."""
        for api_status, members in _groups(page.rows).items():
            if self.status_of(api_status).phase not in FINISHED_PHASES:
                self._keep(members, self.unfinished_not_counted)
        self._observe(page)

    def absorb(self, other: Snapshot) -> None:
        """Add what `other`, of the same list, saw of other jobs."""
        self.counts.absorb(other.counts)
        self.unfinished |= other.unfinished
        self.ended |= other.ended
        self._grow(other.newest)

    @property
    def horizon(self) -> int | None:
        """From when on jobs were created whose ends matter; None before any was seen."""
        if self.baseline.since is not None or self.newest is None:
            return self.baseline.since
        return self.newest - OVERLAP_MILLISECONDS

    def _keep(self, rows: Sequence[Row], where: dict[JobId, Job]) -> None:
        for row in rows:
            where[normalize_id(row.job_id)] = job_of(row, self.status_of)

    def _observe(self, page: Page) -> None:
        # Pages of a thousand jobs go through here: the common case must be fast.
        create_times = [row.create_time for row in page.rows]
        created = to_millis_list(create_times, "create_time")
        newest = max(created, default=None)
        if newest is not None:
            # A date in the future must not hide what is created until then.
            self._grow(min(newest, round(page.answered_at * 1000)))
        found = self._known(page)
        horizon = self.horizon
        if horizon is not None and newest is not None and newest >= horizon:
            if len(created) < len(create_times):
                created = [
                    to_millis(number, "create_time") or 0 for number in create_times
                ]
            pairs = zip(page.rows, created, strict=True)
            found += [row for row, at in pairs if at >= horizon]
        for row in found:
            if self.status_of(row.status).phase in FINISHED_PHASES:
                self.ended[normalize_id(row.job_id)] = job_of(row, self.status_of)

    def _known(self, page: Page) -> list[Row]:
        known = self.baseline.unfinished.keys() & page.ids
        pairs = zip(page.rows, page.ids, strict=True) if known else ()
        return [row for row, job_id in pairs if job_id in known]

    def _grow(self, created: int | None) -> None:
        if created is not None:
            self.newest = max(created, self.newest or created)


def _groups(rows: Sequence[Row]) -> Mapping[Number, list[Row]]:
    groups: defaultdict[Number, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.status].append(row)
    return groups
