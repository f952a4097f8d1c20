"""The metric families of discovery: whether clouds are listed, and what they list."""

from __future__ import annotations

from collections.abc import Iterator

from ...metrics.family import Family
from ...metrics.labels import Labels
from ...metrics.samples import gauge, known
from .project_discovery import ProjectDiscovery


def discovery_families(discovery: ProjectDiscovery) -> Iterator[Family]:
    """Return the families of all clouds with discovery; none if there is no such cloud."""
    statuses = discovery.discovering
    if not statuses:
        return
    labels = {name: Labels(cloud=name) for name in statuses}
    yield gauge(
        "modelarts_discovery_up",
        "1 if the last list of the cloud's projects succeeded, else 0.",
        [(labels[name], float(status.is_up)) for name, status in statuses.items()],
    )
    yield gauge(
        "modelarts_discovery_last_success_timestamp_seconds",
        "When the cloud's projects were last listed, in Unix time.",
        known((labels[name], status.succeeded_at) for name, status in statuses.items()),
    )
    yield gauge(
        "modelarts_discovery_projects",
        "Listed projects of a cloud by what becomes of them; absent before the first list.",
        [
            (Labels(cloud=name, state=fate), float(number))
            for name in statuses.keys() & discovery.selection.decisions.keys()
            for fate, number in discovery.selection.counts(name).items()
        ],
    )
