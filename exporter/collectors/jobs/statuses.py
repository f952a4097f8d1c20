"""
The statuses of ModelArts jobs, and their phases.

The numbers and names of v1's statuses are those of the ModelArts API reference, "Job
Statuses" (`modelarts_03_0074`); 22 is in the SDK reference only (`modelarts_04_0077`).
v2's are the phases of "Querying a Training Job List" (`ListTrainingJobs`). The
grouping into phases is the exporter's own.
"""

from __future__ import annotations

from typing import Final

from ..phases import Phase
from ..statuses import UNRECOGNIZED, Status


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

V1_REPRESENTATIVES: Final = tuple(V1_STATUSES[n] for n in (7, 8, 9, 10, 11, 12, 0))
"""A status of each phase."""

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
