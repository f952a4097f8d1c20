"""The two kinds of jobs as products: their names, API versions and pollers."""

from __future__ import annotations

from typing import Final

from ...config import Project, TrainingApi
from ..base import Product
from .assumptions import TRAINING_ASSUMPTIONS, VISUALIZATION_ASSUMPTIONS
from .kinds import Kind
from .metric_families import job_families
from .poller import JobPoller


_TRAINING_VERSIONS: Final = ("v1", "v2")


def _training_versions(project: Project) -> tuple[str, ...]:
    version = project.training_api
    return _TRAINING_VERSIONS if version is TrainingApi.AUTO else (version.value,)


TRAINING: Final = Product(
    name="training_jobs",
    kind=Kind.TRAINING.value,
    title="Training jobs",
    noun="jobs",
    api_versions=_TRAINING_VERSIONS,
    versions_of=_training_versions,
    open=JobPoller,
    families=job_families,
    assumptions=TRAINING_ASSUMPTIONS,
)

VISUALIZATION: Final = Product(
    name="visualization_jobs",
    kind=Kind.VISUALIZATION.value,
    title="Visualization jobs",
    noun="jobs",
    api_versions=("v1",),
    open=JobPoller,
    families=job_families,
    assumptions=VISUALIZATION_ASSUMPTIONS,
)

JOBS: Final = (TRAINING, VISUALIZATION)
