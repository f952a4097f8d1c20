"""Selects the readings of one product, with the label that all its series have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from ..metrics.labels import Labels
from .base import Reading, Snapshot


SnapshotT = TypeVar("SnapshotT", bound=Snapshot)


def by_project(
    readings: Iterable[Reading], snapshot_type: type[SnapshotT]
) -> list[tuple[Labels, SnapshotT]]:
    """Return the snapshots of this type, each with its label `project`."""
    return [
        (Labels(project=reading.labels["project"]), reading.snapshot)
        for reading in readings
        if isinstance(reading.snapshot, snapshot_type)
    ]
