"""The configuration: its types, and how a file is read into them."""

from .model import (
    DEFAULT_TIMEOUT,
    AccessKeyAuth,
    Cloud,
    CollectionSettings,
    Configuration,
    EcsAgencyAuth,
    JobSeries,
    PasswordAuth,
    Project,
    Provider,
    RateLimit,
    Tls,
    TrainingApi,
)
from .reading import load
from .secret import Secret


__all__ = [
    "DEFAULT_TIMEOUT",
    "AccessKeyAuth",
    "Cloud",
    "CollectionSettings",
    "Configuration",
    "EcsAgencyAuth",
    "JobSeries",
    "PasswordAuth",
    "Project",
    "Provider",
    "RateLimit",
    "Secret",
    "Tls",
    "TrainingApi",
    "load",
]
