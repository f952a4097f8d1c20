"""Selects the API version that lists a project's jobs."""

from __future__ import annotations

from ..base import Target
from .api import JobsApi
from .kinds import Kind
from .v1_requests import V1Jobs
from .v2_requests import V2TrainingJobs


def jobs_api(target: Target) -> JobsApi:
    """Return the API that lists the jobs of a target."""
    if target.api_version == "v2":
        return V2TrainingJobs()
    return V1Jobs(Kind(target.kind))
