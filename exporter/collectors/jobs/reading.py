"""What becomes metrics of one project's jobs of a kind."""

from __future__ import annotations

from dataclasses import dataclass

from ..base import Reading
from .completions import Completions
from .labels import JobLabels
from .listing import Listing


@dataclass(frozen=True, slots=True)
class JobReading(Reading):
    """The last listing, None if it failed, and the jobs that finished so far."""

    labels: JobLabels
    listing: Listing | None
    completions: Completions
