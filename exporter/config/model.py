"""The configuration's types: frozen, validated, with defaults applied."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeAlias

from .secret import Secret


DEFAULT_TIMEOUT: Final = 9.0


class Provider(StrEnum):
    """A cloud whose endpoints are derived from the region."""

    OTC = "otc"
    HUAWEICLOUD = "huaweicloud"


class TrainingApi(StrEnum):
    """The API that lists a project's training jobs."""

    V1 = "v1"
    V2 = "v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordAuth:
    """An IAM user with a password, which is exchanged for tokens."""

    username: str
    password: Secret
    domain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKeyAuth:
    """An access key: permanent, or temporary if it has a security token."""

    access_key: str
    secret_key: Secret
    security_token: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EcsAgencyAuth:
    """The agency of this ECS instance: temporary keys from its metadata service."""

    metadata_url: str = "http://169.254.169.254"


Auth: TypeAlias = PasswordAuth | AccessKeyAuth | EcsAgencyAuth


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How the API's certificate is verified, and the exporter's client certificate."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    insecure_skip_verify: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """The exporter's own limit: requests per second, and a burst after a pause."""

    requests_per_second: float
    burst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """An account in a region of a cloud: endpoints, credential, TLS and proxy."""

    name: str
    region: str
    iam_url: str
    modelarts_url: str
    auth: Auth
    tls: Tls = Tls()
    proxy_url: Secret | None = None
    rate_limit: RateLimit | None = None


@dataclass(frozen=True, slots=True)
class CollectorNames:
    """The names of all collectors, and of those that projects have by default."""

    known: tuple[str, ...]
    default: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """
    A ModelArts project that is collected.

    `collectors` are the names that the file has; None if it has none, for the default.
    """

    name: str
    cloud: Cloud
    project_id: str
    workspace_id: str = "0"
    collectors: tuple[str, ...] | None = None
    training_api: TrainingApi = TrainingApi.V1
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSeries:
    """Whether unfinished jobs have individual series, and the limit per project and kind."""

    enabled: bool = False
    max_per_project: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionSettings:
    """
    Settings of collections. Durations are in seconds.

    `timeout` is None if not configured: `DEFAULT_TIMEOUT` then applies to scrapes
    without a timeout of their own. `listing_limit` is None if not configured: each API
    then has its own default.
    """

    timeout: float | None = None
    timeout_offset: float = 0.5
    max_concurrent_requests: int = 32
    min_interval: float = 0.0
    page_size: int = 1000
    listing_limit: int | None = None
    job_series: JobSeries = JobSeries()
    duration_buckets: tuple[float, ...] = (
        60.0,
        300.0,
        900.0,
        1800.0,
        3600.0,
        7200.0,
        14400.0,
        28800.0,
        43200.0,
        86400.0,
        172800.0,
        345600.0,
        604800.0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A configuration file."""

    clouds: tuple[Cloud, ...]
    projects: tuple[Project, ...]
    collection: CollectionSettings = field(default_factory=CollectionSettings)
