"""The API calls of the exporter, with their names in the label `api`."""

from __future__ import annotations

from enum import StrEnum


class Api(StrEnum):
    """An API call of IAM or ModelArts."""

    AUTH_TOKENS = "auth_tokens"
    TRAINING_JOBS = "training_jobs"
    VISUALIZATION_JOBS = "visualization_jobs"
    TRAINING_JOB_SEARCHES = "training_job_searches"
    TRAINING_QUOTAS = "training_quotas"
