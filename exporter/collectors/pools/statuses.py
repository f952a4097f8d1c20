"""
The statuses of pools and of the workloads in them, and their phases.

Source: ModelArts API reference, "Querying Resource Pools" (`ListPools`) and "Querying
the Statistics of Workloads in a Resource Pool" (`ShowWorkloadStatistics`).
"""

from __future__ import annotations

from typing import Final

from ..phases import Phase
from ..statuses import Statuses


POOL_STATUSES: Final = Statuses(
    {
        Phase.PENDING: "waiting creating",
        Phase.RUNNING: "running",
        Phase.STOPPING: "deleting",
        Phase.FAILED: "abnormal error creation_failed scaling_failed",
    }
)
WORKLOAD_STATUSES: Final = Statuses(
    {
        Phase.PENDING: "queue pending creating",
        Phase.RUNNING: "running",
        Phase.STOPPING: "terminating",
        Phase.SUCCEEDED: "completed",
        Phase.FAILED: "failed abnormal",
        Phase.STOPPED: "terminated",
    }
)

QUEUED: Final = WORKLOAD_STATUSES.of("queue")
RUNNING: Final = WORKLOAD_STATUSES.of("running")
