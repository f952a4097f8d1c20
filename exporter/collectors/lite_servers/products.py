"""Lite Servers as a product: their names, API version and poller."""

from __future__ import annotations

from typing import Final

from ...cloud.discovery.workspaces import DEFAULT_WORKSPACE
from ...config import Project
from ..base import Product
from .metric_families import lite_server_families
from .poller import LiteServerPoller


_VERSIONS: Final = ("v1",)


def _versions(project: Project) -> tuple[str, ...]:
    # They belong to no workspace: those of a project are counted with one of them.
    is_other = project.workspace_id != DEFAULT_WORKSPACE
    return () if project.collects_all and is_other else _VERSIONS


LITE_SERVERS: Final = Product(
    name="lite_servers",
    kind="lite_server",
    title="Lite Servers",
    noun="Lite Servers",
    api_versions=_VERSIONS,
    versions_of=_versions,
    open=LiteServerPoller,
    families=lite_server_families,
    is_default=False,
)
