"""
The statuses of notebook instances, and their phases.

Source: ModelArts API reference, "Querying All Notebook Instances" (`ListAllNotebooks`).
The grouping into phases is the exporter's own.
"""

from __future__ import annotations

from typing import Final

from ..phases import Phase
from ..statuses import Statuses


NOTEBOOK_STATUSES: Final = Statuses(
    {
        Phase.PENDING: "creating starting init",
        Phase.RUNNING: "running snapshotting",
        Phase.STOPPING: "stopping deleting",
        Phase.STOPPED: "stopped",
        Phase.FAILED: "error create_failed start_failed delete_failed frozen",
    }
)

DELETED: Final = "DELETED"
"""In this status, a notebook is listed and does not exist."""
