"""Metric families of scheduled events: their numbers, and when the next one begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...metrics.family import Family
from ...metrics.samples import gauge
from ..base import Reading
from ..readings import by_project
from .snapshot import EventSnapshot


def event_families(readings: Sequence[Reading]) -> Iterator[Family]:
    """Yield the families of scheduled events."""
    listed = by_project(readings, EventSnapshot)
    yield gauge(
        "modelarts_scheduled_events",
        "Events such as maintenance that are not over, by type and state.",
        [
            (project.plus(type=kind.type, state=kind.state), float(number))
            for project, snapshot in listed
            for kind, number in snapshot.counts.items()
        ],
    )
    yield gauge(
        "modelarts_next_scheduled_event_timestamp_seconds",
        "When the next event may begin, in Unix time; the pool is empty for none.",
        [
            (project.plus(pool=pool), begins)
            for project, snapshot in listed
            for pool, begins in snapshot.next.items()
        ],
    )
