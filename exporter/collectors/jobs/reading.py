"""What becomes metrics of one target of jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..base import Reading
from ..statuses import Status
from .completions import Completions
from .labels import JobLabels
from .listing import Listing


@dataclass(frozen=True, slots=True)
class JobReading(Reading):
    """
    A listing, and the jobs that finished so far, with the labels of both.

    `numbers` are the jobs by status, with 0 for a status that they had before; none if
    the collection failed. Histograms of durations begin with the first job.
    """

    job_labels: JobLabels
    numbers: Mapping[Status, int]
    completions: Completions
    has_had_jobs: bool


Listed: TypeAlias = Sequence[tuple[JobLabels, Listing]]
"""The targets whose jobs were collected."""
