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
    """A target group as HTTP service discovery wants it."""

    targets: tuple[str, ...]
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `number` parts that the projects are split into; `index` is from 0."""

    index: int
    number: int

    def holds(self, project: str) -> bool:
        """
        Return whether the project of that name belongs here.

        By rendezvous hashing: each project goes to the shard that draws the highest
        number for it, whatever other projects there are, and one shard more takes from
        the others only what is its own from then on.
        """
        return self.index == max(
            range(self.number), key=lambda index: _draw(index, project)
        )


def discover(
    projects: Iterable[Project], *, address: str, scheme: str, path: str
) -> bytes:
    """Return the targets as JSON: one for each project, at `address`."""
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


def _draw(index: int, project: str) -> bytes:
    return hashlib.sha256(f"{index}/{project}".encode()).digest()
