"""
The statuses of ModelArts jobs, and their phases.

The numbers and names of v1's statuses are those of the ModelArts API reference, "Job
Statuses" (`modelarts_03_0074`); 22 is in the SDK reference only (`modelarts_04_0077`).
v2's are the phases of "Querying a Training Job List" (`ListTrainingJobs`). The
grouping into phases is the exporter's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..phases import Phase


UNFINISHED_PHASES: Final = (Phase.PENDING, Phase.RUNNING, Phase.STOPPING)
"""Phases of jobs that have not finished."""

FINISHED_PHASES: Final = (Phase.SUCCEEDED, Phase.FAILED, Phase.STOPPED)
"""Phases of finished jobs."""

STARTED_PHASES: Final = (
    Phase.RUNNING,
    Phase.STOPPING,
    Phase.SUCCEEDED,
    Phase.FAILED,
    Phase.STOPPED,
)
"""Phases of jobs that can have a running duration."""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A status, with its name in the label `status`, and its phase."""

    name: str
    phase: Phase


UNRECOGNIZED: Final = JobStatus("unrecognized", Phase.UNKNOWN)
"""For every status that is not in the API reference."""

V1_STATUSES: Final[dict[int, JobStatus]] = {
    0: JobStatus("unknown", Phase.UNKNOWN),
    1: JobStatus("init", Phase.PENDING),
    2: JobStatus("image_creating", Phase.PENDING),
    3: JobStatus("image_failed", Phase.FAILED),
    4: JobStatus("submit_trying", Phase.PENDING),
    5: JobStatus("submit_failed", Phase.FAILED),
    6: JobStatus("delete_failed", Phase.FAILED),
    7: JobStatus("waiting", Phase.PENDING),
    8: JobStatus("running", Phase.RUNNING),
    9: JobStatus("killing", Phase.STOPPING),
    10: JobStatus("completed", Phase.SUCCEEDED),
    11: JobStatus("failed", Phase.FAILED),
    12: JobStatus("killed", Phase.STOPPED),
    13: JobStatus("canceled", Phase.STOPPED),
    14: JobStatus("lost", Phase.FAILED),
    15: JobStatus("scaling", Phase.RUNNING),
    16: JobStatus("submit_model_failed", Phase.FAILED),
    17: JobStatus("deploy_service_failed", Phase.FAILED),
    18: JobStatus("check_init", Phase.PENDING),
    19: JobStatus("check_running", Phase.PENDING),
    20: JobStatus("check_running_completed", Phase.PENDING),
    21: JobStatus("check_failed", Phase.FAILED),
    22: JobStatus("mount_failed", Phase.FAILED),
}
"""The v1 API's status numbers, the same for both kinds."""

V1_REPRESENTATIVES: Final = tuple(V1_STATUSES[n] for n in (7, 8, 9, 10, 11, 12, 0))
"""A status of each phase."""

V2_STATUSES: Final[dict[str, JobStatus]] = {
    "creating": JobStatus("creating", Phase.PENDING),
    "pending": JobStatus("pending", Phase.PENDING),
    "running": JobStatus("running", Phase.RUNNING),
    "terminating": JobStatus("terminating", Phase.STOPPING),
    "completed": JobStatus("completed", Phase.SUCCEEDED),
    "failed": JobStatus("failed", Phase.FAILED),
    "abnormal": JobStatus("abnormal", Phase.FAILED),
    "terminated": JobStatus("terminated", Phase.STOPPED),
}
"""The v2 API's phases, in lower case, for training jobs."""

V2_REPRESENTATIVES: Final = (
    *(
        V2_STATUSES[name]
        for name in (
            "pending",
            "running",
            "terminating",
            "completed",
            "failed",
            "terminated",
        )
    ),
    UNRECOGNIZED,
)
"""A status of each phase."""
