"""The configuration: its types, and the reader of its file."""

from .model import (
    DEFAULT_TIMEOUT,
    AccessKeyAuth,
    Cloud,
    CollectionSettings,
    CollectorNames,
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
    "CollectorNames",
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
