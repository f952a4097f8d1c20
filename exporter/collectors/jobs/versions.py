"""Selects the API version that lists a project's jobs."""

from ...config import Project, TrainingApi
from ...kinds import Kind
from .api import JobsApi
from .v1_requests import V1Jobs
from .v2_requests import V2TrainingJobs


def jobs_api(project: Project, kind: Kind) -> JobsApi:
    """Return the API that lists a project's jobs of a kind."""
    if kind is Kind.TRAINING and project.training_api is TrainingApi.V2:
        return V2TrainingJobs()
    return V1Jobs(kind)
