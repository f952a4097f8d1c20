"""
What the v1 listings answer, decoded into the fields that are needed and no others.

Source: ModelArts API reference, "Querying a Training Job List" (`modelarts_03_0046`)
and "Querying the List of Visualization Jobs" (`modelarts_03_0065`). Numbers may come
as strings, most fields may be null, and unknown fields come and go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, TypeAlias, cast

import msgspec

from .jobs import UNFINISHED_PHASES, UNRECOGNIZED, V1_STATUSES, Status
from .tally import Quota, Tally


Number: TypeAlias = int | float | str | None

# 2001 to 2286 in milliseconds: what lies outside is no time of a job's creation.
_EARLIEST: Final = 10**12
_LATEST: Final = 10**13
_LONGEST_LONG: Final = 19

_INTEGER: Final[set[type]] = {int}


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


def creation_times(jobs: Iterable[Job]) -> list[int]:
    """Return when jobs were created, in milliseconds, without what is implausible."""
    times = _numbers([job.create_time for job in jobs])
    return [time for time in times if _EARLIEST <= time < _LATEST]


def identities(jobs: Iterable[Job]) -> list[int | str]:
    """Return the jobs' IDs, the same whether the API spelled them as number or text."""
    ids = [job.job_id for job in jobs]
    if set(map(type, ids)) <= _INTEGER:
        return ids
    return [_long(job_id) if isinstance(job_id, str) else job_id for job_id in ids]


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
        status = v1_status(number)
        durations = _numbers([job.duration for job in members])
        tally.add(
            status,
            len(members),
            [duration for duration in durations if duration >= 0],
            creation_times(members) if status.phase in UNFINISHED_PHASES else [],
        )


def _numbers(values: list[Number]) -> list[int]:
    # Pages of a thousand jobs go through here: what is usual must be quick.
    if set(map(type, values)) <= _INTEGER:
        return cast("list[int]", values)
    return [number for number in map(whole, values) if number is not None]


def _long(text: str) -> int | str:
    return int(text) if text.isdecimal() and len(text) <= _LONGEST_LONG else text
