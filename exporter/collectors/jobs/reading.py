"""What becomes metrics of one target of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..base import Reading
from .completions import Completions
from .labels import JobLabels
from .listing import Listing


@dataclass(frozen=True, slots=True)
class JobReading(Reading):
    """A listing, and the jobs that finished so far, with the labels of both."""

    job_labels: JobLabels
    completions: Completions


Listed: TypeAlias = Sequence[tuple[JobLabels, Listing]]
"""The targets whose jobs were collected."""
