"""
The statuses of Lite Servers, and their phases.

Source: ModelArts API reference, `ListAllDevServers`. The grouping into phases is the
exporter's own.
"""

from __future__ import annotations

from typing import Final

from ..phases import Phase
from ..statuses import Statuses


LITE_SERVER_STATUSES: Final = Statuses(
    {
        Phase.PENDING: "creating starting rebooting changingos reinstallingos",
        Phase.RUNNING: "running",
        Phase.STOPPING: "stopping deleting",
        Phase.STOPPED: "stopped",
        Phase.FAILED: "error create_failed start_failed stop_failed reboot_failed "
        "delete_failed changingos_failed reinstallingos_failed",
    }
)

DELETED: Final = "DELETED"
"""In this status, a server is listed and does not exist."""
