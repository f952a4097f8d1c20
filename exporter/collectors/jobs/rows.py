"""The rows of a page, common to all APIs, and the jobs that they describe."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from ..numbers import Number, to_limit, to_millis
from ..statuses import Status
from ..texts import plain
from .job import Job, JobId, Resources, normalize_id


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
