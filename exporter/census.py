"""
What one reading of a list of jobs saw: how many, which ones go on, which ones ended.

Pages are added as they come. Of all the jobs only a few are kept: those that have not
ended, and those whose end the last reading cannot have seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from .jobs import FINISHED_PHASES, UNFINISHED_PHASES, Job, JobId
from .payloads import (
    Number,
    Page,
    Row,
    StatusOf,
    identity,
    job_of,
    time,
    times,
    wholes,
)
from .tally import Quota, Tally


OVERLAP_MILLISECONDS: Final = 600_000
"""
How far back before the newest job an earlier reading may have missed one.

A job that is created while the list is read may or may not be seen, and creation times
may be out of order by as much as clocks differ. The IDs of jobs that are younger than
this and have ended are kept, to tell which of them are known.
"""


@dataclass(frozen=True, slots=True)
class Watch:
    """
    What is looked for: ends of jobs that an earlier reading did not see.

    These are the ends of `unfinished` jobs, and of jobs created at `since`
    (milliseconds since the epoch) or later; None if there was no earlier reading.
    """

    unfinished: Mapping[JobId, Job] = field(default_factory=dict)
    since: int | None = None


@dataclass(slots=True)
class Census:
    """The result of a reading; `complete` tells that it listed all jobs."""

    tally: Tally
    status_of: StatusOf
    watch: Watch = field(default_factory=Watch)
    quota: Quota = field(default_factory=Quota)
    complete: bool = True
    unfinished: dict[JobId, Job] = field(default_factory=dict)
    ended: dict[JobId, Job] = field(default_factory=dict)
    newest: int | None = None
    """When the newest job was created, in milliseconds since the epoch."""

    elsewhere: dict[JobId, Job] = field(default_factory=dict)
    """Jobs that have not ended, and were noticed but not counted."""

    newest_page: Page | None = None
    """The last page of all jobs, newest first, where nothing but that was listed."""

    def add(self, page: Page, rows: Sequence[Row]) -> None:
        """Count `rows`, all or some of those of `page`. Raises `CollectionError`."""
        groups = _groups(rows)
        for told, members in groups.items():
            status = self.status_of(told)
            durations = wholes([row.duration for row in members], "duration")
            created = (
                times([row.create_time for row in members], "create_time")
                if status.phase in UNFINISHED_PHASES
                else []
            )
            self.tally.add(
                status,
                len(members),
                [duration for duration in durations if duration >= 0],
                created,
            )
            if status.phase not in FINISHED_PHASES:
                self._keep(members, self.unfinished)
        self._notice(page)

    def notice(self, page: Page) -> None:
        """Look at a page's jobs without counting them. Raises `CollectionError`."""
        for told, members in _groups(page.rows).items():
            if self.status_of(told).phase not in FINISHED_PHASES:
                self._keep(members, self.elsewhere)
        self._notice(page)

    def absorb(self, other: Census) -> None:
        """Add what `other`, of the same list, saw of other jobs."""
        self.tally.absorb(other.tally)
        self.unfinished |= other.unfinished
        self.ended |= other.ended
        self._grow(other.newest)

    @property
    def horizon(self) -> int | None:
        """From when on jobs were created whose ends matter; None before any was seen."""
        if self.watch.since is not None or self.newest is None:
            return self.watch.since
        return self.newest - OVERLAP_MILLISECONDS

    def _keep(self, rows: Sequence[Row], where: dict[JobId, Job]) -> None:
        for row in rows:
            where[identity(row.job_id)] = job_of(row, self.status_of)

    def _notice(self, page: Page) -> None:
        # Pages of a thousand jobs go through here: what is usual must be quick.
        told = [row.create_time for row in page.rows]
        created = times(told, "create_time")
        newest = max(created, default=None)
        if newest is not None:
            # A date in the future must not hide what is created until then.
            self._grow(min(newest, round(page.answered_at * 1000)))
        found = self._known(page)
        horizon = self.horizon
        if horizon is not None and newest is not None and newest >= horizon:
            if len(created) < len(told):
                created = [time(number, "create_time") or 0 for number in told]
            pairs = zip(page.rows, created, strict=True)
            found += [row for row, at in pairs if at >= horizon]
        for row in found:
            if self.status_of(row.status).phase in FINISHED_PHASES:
                self.ended[identity(row.job_id)] = job_of(row, self.status_of)

    def _known(self, page: Page) -> list[Row]:
        known = self.watch.unfinished.keys() & page.ids
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
