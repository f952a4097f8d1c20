"""
The configuration's types: frozen, validated, with defaults applied.

Fields with a `Key` declare the keys of the file.
"""

from __future__ import annotations

import ssl

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, TypeAlias

from ..errors import FileError
from .collection_settings import CollectionSettings
from .collector_names import ALL_COLLECTORS
from .declaration import Form, Key, KeyGroup
from .scalars import (
    as_any_text,
    as_identifier,
    as_metadata_url,
    as_pattern,
    check_label_name,
)
from .secret import Secret
from .shard import Shard


ALL_WORKSPACES: Final = "all"
"""As `workspace_id`: every workspace of the project, as a project of its own."""

_MIN_REFRESH_INTERVAL: Final = 10.0


class Provider(StrEnum):
    """A cloud whose endpoints are derived from the region."""

    OTC = "otc"
    HUAWEICLOUD = "huaweicloud"


class TrainingApi(StrEnum):
    """The versions of the API that list a project's training jobs."""

    AUTO = "auto"
    """Both, since they list different jobs."""

    V1 = "v1"
    V2 = "v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordAuth(KeyGroup):
    """An IAM user with a password, which is exchanged for tokens."""

    username: Annotated[str, Key("an IAM user's name")]
    password: Annotated[Secret, Key("its password")]
    domain: Annotated[str, Key("the account's domain name")]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKeyAuth(KeyGroup):
    """An access key: permanent, or temporary if it has a security token."""

    access_key: Annotated[str, Key("the key's ID")]
    secret_key: Annotated[Secret, Key("what requests are signed with")]
    security_token: Annotated[Secret | None, Key("of a temporary key", "none")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EcsAgencyAuth(KeyGroup):
    """The agency of this ECS instance: temporary keys from its metadata service."""

    metadata_url: Annotated[
        str, Key("the instance's metadata service", convert=as_metadata_url)
    ] = "http://169.254.169.254"


Auth: TypeAlias = PasswordAuth | AccessKeyAuth | EcsAgencyAuth


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls(KeyGroup):
    """How the API's certificate is verified, and the exporter's client certificate."""

    ca_file: Annotated[
        Path | None, Key("CA certificates to trust instead", "the system CA bundle")
    ] = None
    cert_file: Annotated[Path | None, Key("client certificate", "none")] = None
    key_file: Annotated[Path | None, Key("its key", "in `cert_file`")] = None
    insecure_skip_verify: Annotated[bool, Key("skip TLS verification")] = False

    def problems(self) -> Iterator[tuple[str, str]]:
        """Load the certificates as the transport will."""
        if self.key_file and not self.cert_file:
            message = "a key without its certificate; give cert_file too"
            yield "key_file", message
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            if self.ca_file:
                context.load_verify_locations(cafile=self.ca_file)
        except (ssl.SSLError, OSError):
            yield "ca_file", "holds no certificate in PEM form"
        try:
            if self.cert_file:
                context.load_cert_chain(self.cert_file, self.key_file, lambda: b"")
        except (ssl.SSLError, OSError, ValueError):
            message = "no certificate with its unencrypted private key in PEM form"
            yield "cert_file", message


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit(KeyGroup):
    """The exporter's own limit: requests per second, and a burst after a pause."""

    requests_per_second: Annotated[
        float,
        Key("average number of requests at most; may be a fraction", "none"),
    ]
    burst: Annotated[
        int,
        Key(
            "how many at once after a pause",
            "twice that, at least 1",
            between=(1, 100_000),
        ),
    ] = 0

    def __post_init__(self) -> None:
        """Set the default of `burst`, which depends on the rate."""
        if not self.burst:
            burst = max(1, round(2 * self.requests_per_second))
            object.__setattr__(self, "burst", burst)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSettings(KeyGroup):
    """What is collected of a project, however it is known: configured or discovered."""

    workspace_id: Annotated[
        str,
        Key(
            "the API lists one workspace at a time: list the project once for each, or "
            "on Huawei Cloud give `all`, which makes a project of each",
            convert=as_identifier,
        ),
    ] = "0"
    collectors: Annotated[
        tuple[str, ...] | None,
        Key(
            "what is collected; [`all`](#all-collectors) is all that can be",
            form=Form.COLLECTOR,
            instead=ALL_COLLECTORS,
        ),
    ] = None
    training_api: Annotated[
        TrainingApi,
        Key("[which version](#v1-or-v2) lists the training jobs; `auto` is both"),
    ] = TrainingApi.AUTO
    labels: Annotated[
        tuple[tuple[str, str], ...],
        Key(
            "labels of `modelarts_project_info`, with `label_` before their names",
            "none",
            convert=as_any_text,
            check_name=check_label_name,
        ),
    ] = ()

    def project(self, name: str, cloud: Cloud, project_id: str) -> Project:
        """Return the project with these settings."""
        return Project(
            name=name,
            cloud=cloud,
            project_id=project_id,
            workspace_id=self.workspace_id,
            collectors=self.collectors,
            training_api=self.training_api,
            labels=self.labels,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery(KeyGroup):
    """Which projects of an account are collected without being configured."""

    include: Annotated[
        tuple[str, ...],
        Key(
            "names of the projects to collect, as shell patterns (`*`, `?`)",
            convert=as_pattern,
        ),
    ] = ("*",)
    exclude: Annotated[
        tuple[str, ...],
        Key("names of projects to leave out, likewise", "none", convert=as_pattern),
    ] = ()
    refresh_interval: Annotated[
        float,
        Key("how often the projects are listed", form=Form.DURATION),
    ] = 3600.0
    max_projects: Annotated[
        int,
        Key(
            "how many are collected, the first by name; the others are only counted",
            between=(1, 10_000),
        ),
    ] = 500
    name_prefix: Annotated[
        str, Key("prefix of each name, to distinguish clouds", "none")
    ] = ""
    defaults: Annotated[
        ProjectSettings,
        Key("any key of [a project](#projects), except its names, ID and cloud"),
    ] = ProjectSettings()

    def problems(self) -> Iterator[tuple[str, str]]:
        """Refuse to ask the cloud without a pause."""
        if self.refresh_interval < _MIN_REFRESH_INTERVAL:
            yield "refresh_interval", f"must be at least {_MIN_REFRESH_INTERVAL:g}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """
    An account in a region of a cloud: endpoints, credential, TLS and proxy.

    `provider` is None if the configuration gives the endpoints instead. `shards` is how
    many processes use the credential.
    """

    name: str
    region: str
    provider: Provider | None = None
    iam_url: str
    modelarts_url: str
    auth: Auth
    tls: Tls = Tls()
    proxy_url: Secret | None = None
    rate_limit: RateLimit | None = None
    shards: int = field(default=1, compare=False)
    # Not compared: a cloud that discovers other projects keeps its connections.
    discovery: Discovery | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """
    A ModelArts project that is collected.

    `collectors` are the names that the file has, or `all` alone; None for the default.
    `is_discovered` means that the project is not in the file, and `is_looked_up` that
    the file has its name there instead of its ID.
    """

    name: str
    cloud: Cloud
    project_id: str
    workspace_id: str = "0"
    collectors: tuple[str, ...] | None = None
    training_api: TrainingApi = TrainingApi.AUTO
    labels: tuple[tuple[str, str], ...] = ()
    is_discovered: bool = False
    # Not compared: it is the same project, however its ID is known.
    is_looked_up: bool = field(default=False, compare=False)

    @property
    def collects_all(self) -> bool:
        """Whether it has every collector, without naming any."""
        return self.collectors == (ALL_COLLECTORS,)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedProject:
    """A configured project of which only the cloud knows the ID."""

    project_name: str
    name: str
    cloud: Cloud
    settings: ProjectSettings

    def project(self, project_id: str) -> Project:
        """Return the project once its ID is known; it is empty while that is not."""
        project = self.settings.project(self.name, self.cloud, project_id)
        return replace(project, is_looked_up=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices(KeyGroup):
    """What a node of a flavor costs an hour."""

    currency: Annotated[str, Key("the label `currency`, such as `EUR`")]
    flavors: Annotated[
        tuple[tuple[str, float], ...],
        Key("flavor names, and what a node of each costs per hour"),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """
    A configuration file.

    Of `named_projects` only the name is known, and `divided_projects` stand for their
    workspaces; neither are among the `projects`. `warnings` say what is likely not
    meant as it stands. Without a `shard`, this process collects all projects.
    """

    clouds: tuple[Cloud, ...]
    projects: tuple[Project, ...]
    named_projects: tuple[NamedProject, ...] = ()
    divided_projects: tuple[Project, ...] = ()
    collection: CollectionSettings = field(default_factory=CollectionSettings)
    prices: Prices | None = None
    warnings: tuple[FileError, ...] = ()
    shard: Shard | None = None
