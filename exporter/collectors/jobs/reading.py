"""What becomes metrics of one target of jobs."""

from __future__ import annotations

from dataclasses import dataclass

from ..base import Reading
from .completions import Completions
from .labels import JobLabels


@dataclass(frozen=True, slots=True)
class JobReading(Reading):
    """A listing, and the jobs that finished so far, with the labels of both."""

    job_labels: JobLabels
    completions: Completions
