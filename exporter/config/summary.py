"""Says in a line what a configuration has."""

from __future__ import annotations

from .model import Configuration


def summary_of(configuration: Configuration) -> str:
    """Return the number of clouds and projects, in words."""
    clouds = len(configuration.clouds)
    projects = len(configuration.projects + configuration.divided_projects)
    projects += len(configuration.named_projects)
    is_discovered = any(cloud.discovery for cloud in configuration.clouds)
    more = ", and those that are discovered" if is_discovered else ""
    return (
        f"{clouds} cloud{'s' * (clouds != 1)}, "
        f"{projects} project{'s' * (projects != 1)}{more}"
    )
