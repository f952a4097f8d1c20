"""A single job: ID, resources and running duration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from ..numbers import _unusable
from ..statuses import Status


JobId: TypeAlias = int | str
"""A number in v1, a UUID in v2."""
_MAX_DIGITS: Final = 19

_INTEGER: Final[set[type]] = {int}


@dataclass(frozen=True, slots=True)
class Resources:
    """
    Nodes of a flavor, and accelerators (GPU or NPU) per node.

    `accelerator` is the product name. `units` are fractions where accelerators are
    shared, 0 if there are none, and None if the API does not report them. `pool` is the
    ID of a dedicated pool, and empty for public resources.
    """

    nodes: int
    flavor: str
    accelerator: str = ""
    units: float | None = None
    pool: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """
    A job with its details, as opposed to a count.

    `created` is in milliseconds since the epoch, `duration` in milliseconds of running;
    None if unknown.
    """

    job_id: JobId
    name: str
    status: Status
    created: int | None = None
    duration: int | None = None
    resources: Resources | None = None


def normalize_ids(ids: list[JobId]) -> list[JobId]:
    """
    Return job IDs in a form independent of whether the API sends numbers or texts.

    Raises `CollectionError` if one is not an ID.
    """
    if set(map(type, ids)) <= _INTEGER:
        return ids
    return [normalize_id(job_id) for job_id in ids]


def normalize_id(job_id: JobId) -> JobId:
    """
    Return a job ID in a form independent of whether the API sends a number or a text.

    Raises `CollectionError` if it is not an ID.
    """
    if not isinstance(job_id, str):
        return job_id
    if job_id.isdecimal() and len(job_id) <= _MAX_DIGITS:
        return int(job_id)
    if not job_id.isprintable():
        # Truncated or corrected, it could equal another job's ID.
        raise _unusable("the answer's job ID is invalid: it has unprintable characters")
    return job_id
