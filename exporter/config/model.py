"""The configuration as the rest of the program sees it: frozen, complete, checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeAlias

from ..kinds import Kind
from .secret import Secret


DEFAULT_TIMEOUT: Final = 9.0


class Provider(StrEnum):
    """A cloud whose endpoints follow from the region."""

    OTC = "otc"
    HUAWEICLOUD = "huaweicloud"


class TrainingApi(StrEnum):
    """The API that lists a project's training jobs."""

    V1 = "v1"
    V2 = "v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordAuth:
    """An IAM user with a password, for whom tokens are issued."""

    username: str
    password: Secret
    domain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKeyAuth:
    """An access key, permanent or (with a security token) temporary."""

    access_key: str
    secret_key: Secret
    security_token: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EcsAgencyAuth:
    """The agency of the ECS instance that we run on: temporary keys from its metadata."""

    metadata_url: str = "http://169.254.169.254"


Auth: TypeAlias = PasswordAuth | AccessKeyAuth | EcsAgencyAuth


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How the API's certificate is checked and with which one we present ourselves."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    insecure_skip_verify: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """What the exporter allows itself: requests a second, and at once after a pause."""

    requests_per_second: float
    burst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """An account in a region of a cloud: endpoints, credential, and how to get there."""

    name: str
    region: str
    iam_url: str
    modelarts_url: str
    auth: Auth
    tls: Tls = Tls()
    proxy_url: Secret | None = None
    rate_limit: RateLimit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A ModelArts project whose jobs are collected."""

    name: str
    cloud: Cloud
    project_id: str
    workspace_id: str = "0"
    kinds: tuple[Kind, ...] = tuple(Kind)
    training_api: TrainingApi = TrainingApi.V1
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSeries:
    """Whether unfinished jobs have series of their own, and how many of a kind at most."""

    enabled: bool = False
    max_per_project: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionSettings:
    """
    How collections are made. Durations are in seconds.

    `timeout` is None where the file does not give it: it then limits only scrapes that
    bring no timeout of their own, at `DEFAULT_TIMEOUT`. `listing_limit` is None where
    the file does not give it: each API then has its own.
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
    """All that a configuration file says."""

    clouds: tuple[Cloud, ...]
    projects: tuple[Project, ...]
    collection: CollectionSettings = field(default_factory=CollectionSettings)
