"""
The statuses of pools and of the workloads in them, and their phases.

Source: ModelArts API reference, "Querying Resource Pools" (`ListPools`) and "Querying
the Statistics of Workloads in a Resource Pool" (`ShowWorkloadStatistics`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..phases import Phase
from ..texts import label_word


@dataclass(frozen=True, slots=True)
class Status:
    """A status, with its name in the label `status`, and its phase."""

    name: str
    phase: Phase


UNRECOGNIZED: Final = Status("unrecognized", Phase.UNKNOWN)
"""For every status that is not in the API reference."""

QUEUED: Final = Status("queue", Phase.PENDING)
RUNNING: Final = Status("running", Phase.RUNNING)

_POOLS: Final = (
    Status("waiting", Phase.PENDING),
    Status("creating", Phase.PENDING),
    RUNNING,
    Status("deleting", Phase.STOPPING),
    Status("abnormal", Phase.FAILED),
    Status("error", Phase.FAILED),
    Status("creation_failed", Phase.FAILED),
    Status("scaling_failed", Phase.FAILED),
)
_WORKLOADS: Final = (
    QUEUED,
    Status("pending", Phase.PENDING),
    Status("creating", Phase.PENDING),
    RUNNING,
    Status("terminating", Phase.STOPPING),
    Status("completed", Phase.SUCCEEDED),
    Status("failed", Phase.FAILED),
    Status("abnormal", Phase.FAILED),
    Status("terminated", Phase.STOPPED),
)

POOL_STATUSES: Final[Mapping[str, Status]] = {one.name: one for one in _POOLS}
WORKLOAD_STATUSES: Final[Mapping[str, Status]] = {one.name: one for one in _WORKLOADS}


def pool_status(phase: str | None) -> Status:
    """Return the status of a pool; `UNRECOGNIZED` for any unknown one."""
    return POOL_STATUSES.get(label_word(phase or ""), UNRECOGNIZED)


def workload_status(status: str) -> Status:
    """Return the status of workloads; `UNRECOGNIZED` for any unknown one."""
    return WORKLOAD_STATUSES.get(label_word(status), UNRECOGNIZED)
