"""The APIs of ModelArts that list jobs: v1, v2, and what they have in common."""

from ..client import CloudClient
from ..config import Project, TrainingApi
from ..jobs import Kind
from .jobs_api import ALL_JOBS, JobsApi, Query, Selections
from .v1 import V1Jobs
from .v2 import V2TrainingJobs


__all__ = ["ALL_JOBS", "JobsApi", "Query", "Selections", "jobs_api"]


def jobs_api(client: CloudClient, project: Project, kind: Kind) -> JobsApi:
    """Return the API that lists a project's jobs of a kind."""
    if kind is Kind.TRAINING and project.training_api is TrainingApi.V2:
        return V2TrainingJobs(client, project)
    return V1Jobs(client, project, kind)
