"""A job by itself: its ID, what it takes, how long it has run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from ..numbers import _unusable
from .statuses import JobStatus


JobId: TypeAlias = int | str
"""A number in v1, a UUID in v2."""
_LONGEST_LONG: Final = 19

_INTEGER: Final[set[type]] = {int}


@dataclass(frozen=True, slots=True)
class Resources:
    """
    What a job takes: nodes of a flavor, and accelerators (GPU or NPU) in each of them.

    `accelerator` is the product's name; it is empty, and `units` is None, where the API
    does not report it, and `units` is 0 where there are none.
    """

    nodes: int
    flavor: str
    accelerator: str = ""
    units: int | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """
    A job by itself, where it is more than a number.

    `created` is in milliseconds since the epoch, `duration` in milliseconds of running;
    None where that is not known.
    """

    job_id: JobId
    name: str
    status: JobStatus
    created: int | None = None
    duration: int | None = None
    resources: Resources | None = None


def normalize_ids(ids: list[JobId]) -> list[JobId]:
    """
    Return job IDs, the same whether the API spelled them as number or as text.

    Raises `CollectionError` if one is no ID.
    """
    if set(map(type, ids)) <= _INTEGER:
        return ids
    return [normalize_id(job_id) for job_id in ids]


def normalize_id(job_id: JobId) -> JobId:
    """
    Return a job ID, the same whether the API spelled it as number or as text.

    Raises `CollectionError` if it is none.
    """
    if not isinstance(job_id, str):
        return job_id
    if job_id.isdecimal() and len(job_id) <= _LONGEST_LONG:
        return int(job_id)
    if not job_id.isprintable():
        # To shorten or to correct it could make it another job's.
        raise _unusable(
            "the answer's job ID is none: it has characters that cannot be shown"
        )
    return job_id
