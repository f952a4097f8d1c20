"""Numbers and times, however the APIs spell them."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias, cast

import msgspec

from ..jobs import JobId


Number: TypeAlias = int | float | str | None

ShortText: TypeAlias = Annotated[str, msgspec.Meta(max_length=256)]
"""A text that is kept between scrapes: the longest that the APIs know has 64."""

# 2001 to 2286 in milliseconds: what lies outside is no time of a job's creation.
_EARLIEST: Final = 10**12
_LATEST: Final = 10**13
_LONGEST_LONG: Final = 19

_INTEGER: Final[set[type]] = {int}


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


def wholes(numbers: list[Number]) -> list[int]:
    """Return those that are whole numbers."""
    # Pages of a thousand jobs go through here: what is usual must be quick.
    if set(map(type, numbers)) <= _INTEGER:
        return cast("list[int]", numbers)
    return [found for found in map(whole, numbers) if found is not None]


def times(numbers: list[Number]) -> list[int]:
    """Return those that are times, in milliseconds since the epoch."""
    return [time for time in wholes(numbers) if _EARLIEST <= time < _LATEST]


def time(number: Number) -> int | None:
    """Return a time, in milliseconds since the epoch; None if it is implausible."""
    found = whole(number)
    return found if found is not None and _EARLIEST <= found < _LATEST else None


def identities(ids: list[JobId]) -> list[JobId]:
    """Return job IDs, the same whether the API spelled them as number or as text."""
    if set(map(type, ids)) <= _INTEGER:
        return ids
    return [identity(job_id) for job_id in ids]


def identity(job_id: JobId) -> JobId:
    """Return a job ID, the same whether the API spelled it as number or as text."""
    if isinstance(job_id, str) and job_id.isdecimal() and len(job_id) <= _LONGEST_LONG:
        return int(job_id)
    return job_id
