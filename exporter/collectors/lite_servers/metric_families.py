"""The metric family of Lite Servers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...metrics.family import Family
from ...metrics.samples import gauge
from ..base import Reading
from ..readings import by_project
from .snapshot import LiteServerSnapshot


def lite_server_families(readings: Sequence[Reading]) -> Iterator[Family]:
    """Yield the family of Lite Servers."""
    listed = by_project(readings, LiteServerSnapshot)
    yield gauge(
        "modelarts_lite_servers",
        "Number of existing Lite Servers, by flavor, charging, status and its phase.",
        [
            (
                project.plus(
                    flavor=kind.flavor,
                    charging=kind.charging,
                    status=kind.status.name,
                    phase=kind.status.phase.value,
                ),
                float(number),
            )
            for project, snapshot in listed
            for kind, number in snapshot.counts.items()
        ],
    )
