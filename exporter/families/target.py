"""The labels of all series of one project and kind, kept from scrape to scrape."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from prometheus_client import Metric
from prometheus_client.samples import Sample

from ..config import TrainingApi
from ..errors import Reason
from ..jobs import (
    STARTED_PHASES,
    UNRECOGNIZED,
    V1_STATUSES,
    V2_STATUSES,
    Kind,
    Phase,
    Status,
)
from ..labels import Labels
from ..report import Listing, Report
from ..tally import Durations


_MOST_KEPT: Final = 20_000
"""Projects and kinds whose labels are kept from scrape to scrape."""


class TargetLabels:
    """
    The labels of one project and kind.

    `limits` are the upper bounds of the duration histograms as text, with `+Inf`.
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


@lru_cache(maxsize=_MOST_KEPT)
def target_labels(
    project: str, kind: Kind, training_api: TrainingApi, limits: tuple[str, ...]
) -> TargetLabels:
    """Return the labels of a project and kind, the same objects every time."""
    return TargetLabels(project, kind, training_api, limits)


Reported: TypeAlias = Sequence[tuple[TargetLabels, Report]]
Listed: TypeAlias = Sequence[tuple[TargetLabels, Listing]]


def gauge(
    name: str, documentation: str, samples: Iterable[tuple[Labels, float]]
) -> Metric:
    """Return a family of gauges."""
    family = Metric(name, documentation, "gauge")
    family.samples = [Sample(name, labels, value) for labels, value in samples]
    return family


def seconds(
    samples: Iterable[tuple[Labels, int | None]],
) -> list[tuple[Labels, float]]:
    """Return milliseconds in seconds, without what is not known."""
    return [(labels, told / 1000) for labels, told in samples if told is not None]


def known(
    samples: Iterable[tuple[Labels, float | None]],
) -> list[tuple[Labels, float]]:
    """Return samples without those that are not known."""
    return [(labels, float(value)) for labels, value in samples if value is not None]


def bucket_samples(
    name: str, buckets: Iterable[Labels], durations: Durations
) -> Iterable[Sample]:
    """Return the bucket samples of a histogram."""
    counts = (*durations.counts, durations.number)
    for labels, count in zip(buckets, counts, strict=True):
        yield Sample(name, labels, float(count))


def _known_statuses(kind: Kind, training_api: TrainingApi) -> Iterable[Status]:
    if kind is Kind.TRAINING and training_api is TrainingApi.V2:
        return V2_STATUSES.values()
    return V1_STATUSES.values()
