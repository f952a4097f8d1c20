"""The labels of one project's series, cached between scrapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from ...config import TrainingApi
from ...errors import Reason
from ...kinds import Kind
from ...metrics.labels import Labels
from .listing import Listing
from .statuses import (
    STARTED_PHASES,
    UNRECOGNIZED,
    V1_STATUSES,
    V2_STATUSES,
    JobStatus,
    Phase,
)


_MAX_KEPT: Final = 20_000
"""Projects and kinds whose labels are cached."""


class TargetLabels:
    """
    The labels of one project and kind.

    `limits` are the upper bounds of the duration histograms as text, including `+Inf`.
    """

    def __init__(
        self,
        project: str,
        kind: Kind,
        training_api: TrainingApi,
        limits: tuple[str, ...],
    ) -> None:
        self.project = Labels(project=project)
        self.own = self.project.plus(kind=kind.value)
        self.statuses = {
            status: self.own.plus(status=status.name, phase=status.phase.value)
            for status in (UNRECOGNIZED, *_known_statuses(kind, training_api))
        }
        self.phases = {phase: self.own.plus(phase=phase.value) for phase in Phase}
        self.buckets = {
            phase: [self.phases[phase].plus(le=limit) for limit in limits]
            for phase in STARTED_PHASES
        }
        self.reasons = {reason: self.own.plus(reason=reason.value) for reason in Reason}


@lru_cache(maxsize=_MAX_KEPT)
def target_labels(
    project: str, kind: Kind, training_api: TrainingApi, limits: tuple[str, ...]
) -> TargetLabels:
    """Return the labels of a project and kind, the same objects for each scrape."""
    return TargetLabels(project, kind, training_api, limits)


Listed: TypeAlias = Sequence[tuple[TargetLabels, Listing]]


def _known_statuses(kind: Kind, training_api: TrainingApi) -> Iterable[JobStatus]:
    if kind is Kind.TRAINING and training_api is TrainingApi.V2:
        return V2_STATUSES.values()
    return V1_STATUSES.values()
