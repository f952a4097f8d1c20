"""
The vocabulary of ModelArts jobs: kinds, statuses and phases.

The numbers and names of v1's statuses are those of the ModelArts API reference, "Job
Statuses" (`modelarts_03_0074`); 22 is in the SDK reference only (`modelarts_04_0077`).
v2's are the phases of "Querying a Training Job List" (`ListTrainingJobs`). The
grouping into this project's phases is its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias


class Kind(StrEnum):
    """What sort of job: each has its own listing, quota and limit."""

    TRAINING = "training"
    VISUALIZATION = "visualization"


class Phase(StrEnum):
    """Where a job is in its life, whatever the API calls the details."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


UNFINISHED_PHASES: Final = (Phase.PENDING, Phase.RUNNING, Phase.STOPPING)
"""Phases of jobs that will go on by themselves."""

FINISHED_PHASES: Final = (Phase.SUCCEEDED, Phase.FAILED, Phase.STOPPED)
"""Phases of jobs that have ended."""

STARTED_PHASES: Final = (
    Phase.RUNNING,
    Phase.STOPPING,
    Phase.SUCCEEDED,
    Phase.FAILED,
    Phase.STOPPED,
)
"""Phases of jobs that can have a running duration."""


@dataclass(frozen=True, slots=True)
class Status:
    """A status as the label `status` spells it, and the phase that it belongs to."""

    name: str
    phase: Phase


UNRECOGNIZED: Final = Status("unrecognized", Phase.UNKNOWN)
"""Stands for every status that the API reference does not list."""

V1_STATUSES: Final[dict[int, Status]] = {
    0: Status("unknown", Phase.UNKNOWN),
    1: Status("init", Phase.PENDING),
    2: Status("image_creating", Phase.PENDING),
    3: Status("image_failed", Phase.FAILED),
    4: Status("submit_trying", Phase.PENDING),
    5: Status("submit_failed", Phase.FAILED),
    6: Status("delete_failed", Phase.FAILED),
    7: Status("waiting", Phase.PENDING),
    8: Status("running", Phase.RUNNING),
    9: Status("killing", Phase.STOPPING),
    10: Status("completed", Phase.SUCCEEDED),
    11: Status("failed", Phase.FAILED),
    12: Status("killed", Phase.STOPPED),
    13: Status("canceled", Phase.STOPPED),
    14: Status("lost", Phase.FAILED),
    15: Status("scaling", Phase.RUNNING),
    16: Status("submit_model_failed", Phase.FAILED),
    17: Status("deploy_service_failed", Phase.FAILED),
    18: Status("check_init", Phase.PENDING),
    19: Status("check_running", Phase.PENDING),
    20: Status("check_running_completed", Phase.PENDING),
    21: Status("check_failed", Phase.FAILED),
    22: Status("mount_failed", Phase.FAILED),
}
"""The v1 API's status numbers, the same for both kinds."""

V2_STATUSES: Final[dict[str, Status]] = {
    "creating": Status("creating", Phase.PENDING),
    "pending": Status("pending", Phase.PENDING),
    "running": Status("running", Phase.RUNNING),
    "terminating": Status("terminating", Phase.STOPPING),
    "completed": Status("completed", Phase.SUCCEEDED),
    "failed": Status("failed", Phase.FAILED),
    "abnormal": Status("abnormal", Phase.FAILED),
    "terminated": Status("terminated", Phase.STOPPED),
}
"""The v2 API's phases, in lower case, for training jobs."""

JobId: TypeAlias = int | str
"""A number in v1, a UUID in v2."""


@dataclass(frozen=True, slots=True)
class Resources:
    """
    What a job takes: nodes of a flavor, and accelerators (GPU or NPU) in each of them.

    `accelerator` is the product's name; it is empty, and `units` is None, where the API
    does not tell, and `units` is 0 where there are none.
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
    status: Status
    created: int | None = None
    duration: int | None = None
    resources: Resources | None = None
