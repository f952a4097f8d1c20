"""The configuration: its types, and the reader of its file."""

from .collection_settings import (
    DEFAULT_TIMEOUT,
    CollectionSettings,
    JobSeries,
    NotebookSeries,
    ServiceSeries,
)
from .collector_names import ALL_COLLECTORS, CollectorNames
from .model import (
    ALL_WORKSPACES,
    AccessKeyAuth,
    Auth,
    Cloud,
    Configuration,
    Discovery,
    EcsAgencyAuth,
    NamedProject,
    PasswordAuth,
    Prices,
    Project,
    ProjectSettings,
    Provider,
    RateLimit,
    Tls,
    TrainingApi,
)
from .reading import load
from .regions import is_in_region
from .secret import Secret
from .shard import MAX_SHARDS, Shard
from .sharding import for_shard, shard_key


__all__ = [
    "ALL_COLLECTORS",
    "ALL_WORKSPACES",
    "DEFAULT_TIMEOUT",
    "MAX_SHARDS",
    "AccessKeyAuth",
    "Auth",
    "Cloud",
    "CollectionSettings",
    "CollectorNames",
    "Configuration",
    "Discovery",
    "EcsAgencyAuth",
    "JobSeries",
    "NamedProject",
    "NotebookSeries",
    "PasswordAuth",
    "Prices",
    "Project",
    "ProjectSettings",
    "Provider",
    "RateLimit",
    "Secret",
    "ServiceSeries",
    "Shard",
    "Tls",
    "TrainingApi",
    "for_shard",
    "is_in_region",
    "load",
    "shard_key",
]
