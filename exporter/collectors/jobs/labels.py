"""The labels of one target's series, made once for all scrapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prometheus_client.utils import floatToGoString

from ...metrics.family import CountLines
from ...metrics.labels import Labels
from ..base import Target
from ..phases import Phase
from ..statuses import UNRECOGNIZED, Status


class JobLabels:
    """
    The labels of one target's series; those in `own` are common to all.

    `bounds` are the upper bounds of the duration histograms, in seconds.
    """

    def __init__(
        self, target: Target, statuses: Iterable[Status], bounds: Sequence[float]
    ) -> None:
        self._limits = (*(floatToGoString(bound) for bound in bounds), "+Inf")
        self._buckets: dict[tuple[str, Phase], CountLines] = {}
        self.project = Labels(project=target.project.name)
        self.own = target.labels()
        self.statuses = {
            status: self.own.plus(status=status.name, phase=status.phase.value)
            for status in (UNRECOGNIZED, *statuses)
        }
        self.phases = {phase: self.own.plus(phase=phase.value) for phase in Phase}

    def buckets(self, name: str, phase: Phase) -> CountLines:
        """Return the lines of the buckets of a histogram."""
        found = self._buckets.get((name, phase))
        if found is None:
            labels = self.phases[phase]
            found = CountLines(name, [labels.plus(le=limit) for limit in self._limits])
            self._buckets[name, phase] = found
        return found
