"""The phases of what is collected: the label `phase`."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """A phase in an object's life, the same for all products."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    UNKNOWN = "unknown"
