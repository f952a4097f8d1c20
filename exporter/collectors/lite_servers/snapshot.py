"""What one collection finds out about a project's Lite Servers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import Failure
from ..alerts import LITE_SERVER_FAILED, Thresholds
from ..overview import Overview, Problem
from ..phases import Phase
from ..statuses import Status


@dataclass(frozen=True, slots=True)
class ServerKind:
    """What servers are counted by; `charging` is `post_paid` or `pre_paid`."""

    flavor: str
    charging: str
    status: Status


@dataclass(frozen=True, slots=True)
class LiteServerSnapshot:
    """The servers, counted."""

    counts: Mapping[ServerKind, int]
    partial_failures: tuple[Failure, ...] = ()

    @property
    def number(self) -> int:
        """The number of servers."""
        return sum(self.counts.values())

    def overview(self, now: float, thresholds: Thresholds) -> Overview:
        """Return what the status page shows at the Unix time `now`."""
        phases: Counter[Phase] = Counter()
        for kind, number in self.counts.items():
            phases[kind.status.phase] += number
        failed = phases[Phase.FAILED]
        problems = (Problem(LITE_SERVER_FAILED, f"{failed} failed."),)
        is_wrong = failed > LITE_SERVER_FAILED.threshold
        return Overview(phases=phases, problems=problems if is_wrong else ())
