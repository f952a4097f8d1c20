"""
Projects as targets for Prometheus's HTTP service discovery.

Source: Prometheus documentation, "HTTP SD" and `http_sd_config`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ..config import Project


class TargetGroup(msgspec.Struct):
    """A target group of HTTP service discovery."""

    targets: tuple[str, ...]
    labels: dict[str, str]


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
