"""Declares the keys of clouds and projects, as they stand in the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Annotated, Final

from .collection_settings import CollectionSettings
from .declaration import Form, Key, KeyGroup
from .model import (
    ALL_WORKSPACES,
    AccessKeyAuth,
    Auth,
    Discovery,
    EcsAgencyAuth,
    PasswordAuth,
    Prices,
    ProjectSettings,
    Provider,
    RateLimit,
    Tls,
)
from .scalars import (
    as_endpoint,
    as_identifier,
    as_proxy_url,
    as_region,
)
from .secret import Secret


NO_WORKSPACE_LIST: Final = (
    "only Huawei Cloud lists its workspaces; give a project for each"
)

_FROM_REGION: Final = "from `provider` and `region`"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthKeys(KeyGroup):
    """`auth`: one of the ways to authenticate."""

    password: Annotated[PasswordAuth | None, Key("")] = None
    access_key: Annotated[AccessKeyAuth | None, Key("")] = None
    ecs_agency: Annotated[EcsAgencyAuth | None, Key("")] = None

    def given(self) -> list[Auth]:
        """Return those that the file has."""
        ways = (self.password, self.access_key, self.ecs_agency)
        return [way for way in ways if way is not None]

    def problems(self) -> Iterator[tuple[str, str]]:
        """Refuse none and more than one."""
        if len(self.given()) != 1:
            yield "", f"exactly one of {_ways()} is needed"


def _ways() -> str:
    return ", ".join(field.name for field in fields(AuthKeys))


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudKeys(KeyGroup):
    """`clouds.*`."""

    provider: Annotated[Provider | None, Key("derives both URLs from the region")] = (
        None
    )
    region: Annotated[
        str | None,
        Key(
            "such as `eu-de`; also the label `cloud_region`. Optional without "
            "`provider`",
            convert=as_region,
        ),
    ] = None
    iam_url: Annotated[
        str | None, Key("the API that issues tokens", _FROM_REGION, convert=as_endpoint)
    ] = None
    modelarts_url: Annotated[
        str | None, Key("the API that lists jobs", _FROM_REGION, convert=as_endpoint)
    ] = None
    auth: Annotated[
        AuthKeys | None,
        Key("exactly one of `password`, `access_key` and `ecs_agency`, below"),
    ] = None
    tls: Annotated[Tls | None, Key("")] = None
    proxy_url: Annotated[
        Secret | None,
        Key(
            "an HTTP proxy, with `user:password@` if needed",
            "`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`",
            form=Form.TEXT,
            convert=as_proxy_url,
        ),
    ] = None
    rate_limit: Annotated[RateLimit | None, Key("")] = None
    discovery: Annotated[Discovery | None, Key("")] = None

    def problems(self) -> Iterator[tuple[str, str]]:
        """Refuse a cloud without endpoints or a credential."""
        if self.provider and not self.region:
            yield "region", "missing"
        if not self.provider:
            for key in ("iam_url", "modelarts_url"):
                if not getattr(self, key):
                    yield key, "missing; give it, or provider and region"
        if self.discovery and not (self.provider or self.region):
            yield "region", "missing; discovery needs it to know its projects"
        is_divided = (
            self.discovery and self.discovery.defaults.workspace_id == ALL_WORKSPACES
        )
        if is_divided and self.provider is Provider.OTC:
            yield "discovery.defaults.workspace_id", NO_WORKSPACE_LIST
        if self.auth is None:
            yield "auth", f"missing; give one of {_ways()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectKeys(ProjectSettings):
    """`projects[]`."""

    cloud: Annotated[str, Key("the name of one of `clouds`")]
    name: Annotated[
        str | None, Key("unique; the label `project`", "the `project_name`")
    ] = None
    project_id: Annotated[
        str | None,
        Key("from the console, *My Credentials*", convert=as_identifier),
    ] = None
    project_name: Annotated[
        str | None,
        Key(
            "instead of `project_id`: its name in the cloud, such as `eu-de_vision`",
            convert=as_identifier,
        ),
    ] = None

    def settings(self) -> ProjectSettings:
        """Return what can be said of any project."""
        return ProjectSettings(
            workspace_id=self.workspace_id,
            collectors=self.collectors,
            training_api=self.training_api,
            labels=self.labels,
        )

    def problems(self) -> Iterator[tuple[str, str]]:
        """Refuse a project without a name, or without one way to find it."""
        if self.project_id and self.project_name:
            yield "project_name", "give project_id or project_name, not both"
        if not (self.project_id or self.project_name):
            yield "project_id", "missing; give it, or project_name"
        if not (self.name or self.project_name):
            yield "name", "missing"


KEYS: Final[dict[str, type[KeyGroup]]] = {
    "clouds.*": CloudKeys,
    "projects[]": ProjectKeys,
    "prices": Prices,
    "collection": CollectionSettings,
}
"""The file: a mapping of clouds, a list of projects, prices and settings."""
