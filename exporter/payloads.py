"""
What the v1 listings answer, decoded into the fields that are needed and no others.

Source: ModelArts API reference, "Querying a Training Job List" (`modelarts_03_0046`)
and "Querying the List of Visualization Jobs" (`modelarts_03_0065`). Numbers may come
as strings, most fields may be null, and unknown fields come and go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, TypeAlias

import msgspec

from .jobs import UNRECOGNIZED, V1_STATUSES, Status
from .tally import Quota, Tally


Number: TypeAlias = int | float | str | None

# 2001 to 2286 in milliseconds: what lies outside is no time of a job's creation.
_EARLIEST: Final = 10**12
_LATEST: Final = 10**13
_LONGEST_LONG: Final = 19


class Job(msgspec.Struct, gc=False):
    """A row of a v1 listing. `create_time` and `duration` are in milliseconds."""

    job_id: int | str
    status: Number = None
    create_time: Number = None
    duration: Number = None


class Page(msgspec.Struct):
    """A v1 listing's answer, or what a failed one says with HTTP status 200."""

    is_success: bool | str | None = None
    error_code: str | None = None
    job_total_count: Number = None
    job_count_limit: Number = None
    quotas: Number = None
    jobs: list[Job] | None = None

    @property
    def failed(self) -> bool:
        """Whether the API says that the request failed, in spite of HTTP status 200."""
        if self.is_success is None:
            return bool(self.error_code) and self.jobs is None
        return str(self.is_success).lower() != "true"

    @property
    def total(self) -> int | None:
        """How many jobs there are on all pages, as far as the API says."""
        return limit(self.job_total_count)

    @property
    def quota(self) -> Quota:
        """The limits that the page tells."""
        return Quota(
            running=limit(self.quotas),
            created=self.total,
            remaining=limit(self.job_count_limit),
        )


page_decoder: Final = msgspec.json.Decoder(Page)


def whole(number: Number) -> int | None:
    """Return a whole number, however it is spelled; None if it is none."""
    if isinstance(number, int):
        return number
    try:
        return int(number) if isinstance(number, str) else int(float(number or "nan"))
    except (ValueError, OverflowError):
        return None


def limit(number: Number) -> int | None:
    """Return a count or limit; None if it is not told or negative, that is unlimited."""
    found = whole(number)
    return found if found is not None and found >= 0 else None


def creation_time(job: Job) -> int | None:
    """Return when `job` was created, in milliseconds; None if that is implausible."""
    time = job.create_time if type(job.create_time) is int else whole(job.create_time)
    return time if time is not None and _EARLIEST <= time < _LATEST else None


def identity(job: Job) -> int | str:
    """Return the job's ID, the same whether the API spelled it as number or text."""
    if isinstance(job.job_id, int):
        return job.job_id
    is_long = job.job_id.isdecimal() and len(job.job_id) <= _LONGEST_LONG
    return int(job.job_id) if is_long else job.job_id


def v1_status(number: Number) -> Status:
    """Return the status that v1 numbers so; `UNRECOGNIZED` for any unknown number."""
    found = whole(number)
    return V1_STATUSES.get(found, UNRECOGNIZED) if found is not None else UNRECOGNIZED


def fold(jobs: Iterable[Job], tally: Tally) -> None:
    """Add `jobs` to `tally`."""
    groups: defaultdict[Number, list[Job]] = defaultdict(list)
    for job in jobs:
        groups[job.status].append(job)
    for number, members in groups.items():
        durations = [_milliseconds(job.duration) for job in members]
        times = [creation_time(job) for job in members]
        tally.add(
            v1_status(number),
            len(members),
            [duration for duration in durations if duration is not None],
            [time for time in times if time is not None],
        )


def _milliseconds(duration: Number) -> int | None:
    return (
        (duration if duration >= 0 else None)
        if type(duration) is int
        else limit(duration)
    )
