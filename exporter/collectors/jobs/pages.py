"""A page of a listing, common to all APIs, and its rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from ..numbers import Number, to_limit, to_millis
from ..statuses import Status
from ..texts import plain
from .job import Job, JobId, Resources, normalize_id, normalize_ids
from .quota import JobQuota


class Row(Protocol):
    """A job in a listing; `create_time` and `duration` are in milliseconds."""

    @property
    def job_id(self) -> JobId:
        """The job's ID."""

    @property
    def job_name(self) -> Number:
        """Its name."""

    @property
    def status(self) -> Number:
        """Its status in the API's terms."""

    @property
    def create_time(self) -> Number:
        """When it was created."""

    @property
    def duration(self) -> Number:
        """How long it has run; None before it starts."""

    @property
    def resources(self) -> Resources | None:
        """Its resources, if the API reports them."""


StatusOf: TypeAlias = Callable[[Number], Status]
"""Converts an API's status."""


@dataclass(frozen=True, slots=True)
class Page:
    """
    A page of a listing.

    `total` is the number of jobs on all pages, if reported; `answered_at` is the Unix time
    of the response on the API's clock. `ids` are the rows' job IDs, and `by_status` are
    the rows by the API's status. Raises `CollectionError` if one is not an ID.
    """

    rows: Sequence[Row]
    total: int | None
    answered_at: float
    quota: JobQuota = field(default_factory=JobQuota)
    ids: list[JobId] = field(init=False)
    by_status: Mapping[Number, Sequence[Row]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        ids = normalize_ids([row.job_id for row in self.rows])
        object.__setattr__(self, "ids", ids)
        object.__setattr__(self, "by_status", by_status(self.rows))

    @property
    def newest_created(self) -> float | None:
        """When the newest job was created, in milliseconds. Raises `CollectionError`."""
        # Sorted by creation time: the newest job is the last.
        row = self.rows[-1] if self.rows else None
        return to_millis(row.create_time, "create_time") if row else None


def by_status(rows: Sequence[Row]) -> Mapping[Number, Sequence[Row]]:
    """Return `rows` by the API's status."""
    groups: defaultdict[Number, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.status].append(row)
    return groups


def job_of(row: Row, status_of: StatusOf) -> Job:
    """Return the job that a row describes. Raises `CollectionError`."""
    name = row.job_name
    return Job(
        normalize_id(row.job_id),
        "" if name is None else plain(str(name)),
        status_of(row.status),
        to_millis(row.create_time, "create_time"),
        to_limit(row.duration, "duration"),
        row.resources,
    )
