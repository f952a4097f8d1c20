"""
Projects as targets for Prometheus's HTTP service discovery, split into shards.

Source: Prometheus documentation, "HTTP SD" and `http_sd_config`.
"""

from __future__ import annotations

import hashlib

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from ..config import Project


class TargetGroup(msgspec.Struct):
    """A target group of HTTP service discovery."""

    targets: tuple[str, ...]
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `number` parts of the projects; `index` counts from 0."""

    index: int
    number: int

    def holds(self, key: str) -> bool:
        """
        Return whether the project with that `shard_key` belongs to this shard.

        Rendezvous hashing: a project belongs to the shard with the highest hash for it,
        whatever other projects exist. An additional shard moves projects only to itself.
        """
        return self.index == max(
            range(self.number), key=lambda index: _hash(index, key)
        )


def shard_key(project: Project) -> str:
    """
    Return what decides about a project's shard, and does not change while it exists.

    A configured project has its name from the file. The cloud can rename the others, so
    theirs are the IDs of the project and workspace.
    """
    if project.is_discovered:
        return f"{project.project_id}/{project.workspace_id}"
    return project.name


def discover(
    projects: Iterable[Project], *, address: str, scheme: str, path: str
) -> bytes:
    """Return the targets as JSON, one per project, all at `address`."""
    return msgspec.json.encode(
        [
            TargetGroup(
                (address,),
                {
                    **dict(project.labels),
                    "__scheme__": scheme,
                    "__metrics_path__": path,
                    "__param_project": project.name,
                },
            )
            for project in projects
        ]
    )


def _hash(index: int, key: str) -> bytes:
    return hashlib.sha256(f"{index}/{key}".encode()).digest()
