"""What the status page says of the clouds whose projects are listed."""

from __future__ import annotations

from dataclasses import dataclass

from ...collection.discovery.project_discovery import ProjectDiscovery
from ...errors import Failure


@dataclass(frozen=True, slots=True)
class ListedCloud:
    """
    How the last list of a cloud's projects went, and what becomes of those projects.

    `listed_at` is the Unix time of the last list that succeeded, and `projects` their
    numbers in words: empty before the first list, and without discovery.
    """

    name: str
    projects: str
    listed_at: float | None
    failure: Failure | None


def listed_clouds(discovery: ProjectDiscovery) -> list[ListedCloud]:
    """Return the clouds with discovery, and others of which the list fails."""
    return [
        ListedCloud(
            name,
            discovery.selection.summary(name),
            status.succeeded_at,
            status.failure,
        )
        for name, status in discovery.statuses.items()
        if name in discovery.discovering or status.failure is not None
    ]
