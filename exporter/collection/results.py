"""Results of a collection, and what a scrape reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..collectors.base import Reading, Snapshot, Target
from ..errors import Failure, Reason
from ..exchange import RequestRecord
from .offers import Absent, NotOffered
from .target_labels import TargetLabels


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    The result of a collection, and its requests.

    `started` is on the event loop's clock, and the collection took `seconds`.
    """

    result: Snapshot | Failure | Absent
    seconds: float
    started: float = 0.0
    record: RequestRecord = field(default_factory=RequestRecord, repr=False)


@dataclass(frozen=True, slots=True)
class Report:
    """What a scrape reports about one target."""

    target: Target
    labels: TargetLabels
    outcome: Outcome
    errors: Mapping[Reason, int]
    last_success: float | None
    """Unix time of the last complete collection."""

    reading: Reading | None = None
    """What becomes metrics; None if there is nothing to read, or after an internal error."""

    @property
    def is_offered(self) -> bool:
        """Whether the cloud offers the API, or it is not known yet."""
        return not isinstance(self.outcome.result, NotOffered)

    @property
    def is_absent(self) -> bool:
        """Whether there is nothing to collect, so that nothing can fail."""
        return isinstance(self.outcome.result, Absent)

    def failed(self, why: Failure) -> Report:
        """Return this report with a failure in place of its outcome."""
        return replace(self, outcome=replace(self.outcome, result=why), reading=None)


@dataclass(frozen=True, slots=True)
class Latest:
    """The last collection of one target; `outcome` is None before the first."""

    target: Target
    outcome: Outcome | None
    collected_at: float
    """Unix time of the last collection's end."""

    last_success: float | None
