"""
The statuses of inference services, and their phases.

Sources: ModelArts API reference, "Obtaining Services" (v1) and `ListInferServices` (v2).
The grouping into phases is the exporter's own.
"""

from __future__ import annotations

from typing import Final

from ..phases import Phase
from ..statuses import Statuses


# A service in the status `concerning` serves, though some instances malfunction.
SERVICE_STATUSES: Final = Statuses(
    {
        Phase.PENDING: "deploying pending waiting upgrading",
        Phase.RUNNING: "running concerning",
        Phase.STOPPING: "stopping deleting interrupting",
        Phase.STOPPED: "stopped",
        Phase.SUCCEEDED: "finished",
        Phase.FAILED: "failed error",
    }
)

CONCERNING: Final = SERVICE_STATUSES.of("concerning")
