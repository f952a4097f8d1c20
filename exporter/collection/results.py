"""Results of a collection, and what a scrape reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..collectors.jobs.completions import Completions
from ..collectors.jobs.listing import Listing
from ..config import Project
from ..errors import Failure, Reason
from ..kinds import Kind


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a collection, and the seconds that it took."""

    result: Listing | Failure
    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """What a scrape reports about one project and kind."""

    project: Project
    kind: Kind
    outcome: Outcome
    errors: Mapping[Reason, int]
    last_success: float | None
    """Unix time of the last complete collection."""

    completions: Completions

    def failed(self, why: Failure) -> Report:
        """Return this report with a failure in place of its outcome."""
        outcome = Outcome(why, self.outcome.seconds)
        return replace(self, outcome=outcome, completions=Completions({}, {}))


@dataclass(frozen=True, slots=True)
class Latest:
    """The last collection of one project and kind; `outcome` is None before the first."""

    project: Project
    kind: Kind
    outcome: Outcome | None
    collected_at: float
    """Unix time of the last collection's end."""

    last_success: float | None
