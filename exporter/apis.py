"""The API calls that the exporter makes, as the label `api` names them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from .jobs import Kind


class Api(StrEnum):
    """An API call of IAM or ModelArts."""

    AUTH_TOKENS = "auth_tokens"
    TRAINING_JOBS = "training_jobs"
    VISUALIZATION_JOBS = "visualization_jobs"


V1_LISTINGS: Final = {
    Kind.TRAINING: Api.TRAINING_JOBS,
    Kind.VISUALIZATION: Api.VISUALIZATION_JOBS,
}
"""The v1 call that lists the jobs of a kind; also how the configuration names it."""
