"""Gives a shard its part of a configuration: of the projects, and of the rate limits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from .model import Cloud, Configuration, Project
from .shard import Shard


def shard_key(project: Project) -> str:
    """
    Return what decides about a project's shard, and does not change while it exists.

    It is the ID of the project and its workspace, which the cloud never changes; so a
    project that was discovered stays where it is when it is renamed, or configured.
    Where the configuration has only `project_name`, it is the project's name in the
    file: while the ID is not known, exactly one shard must report that it is not.
    """
    if project.is_looked_up:
        return project.name
    return f"{project.project_id}/{project.workspace_id}"


def for_shard(configuration: Configuration, shard: Shard) -> Configuration:
    """
    Return the configuration of one shard: with its share of each cloud's rate limit.

    It still has all projects. Which of them are the shard's own is decided last, when
    the clouds' lists are known, so that all shards come to the same decisions.
    """
    clouds = {each.name: _share(each, shard.number) for each in configuration.clouds}

    def of_clouds(projects: Iterable[Project]) -> tuple[Project, ...]:
        return tuple(replace(each, cloud=clouds[each.cloud.name]) for each in projects)

    return replace(
        configuration,
        clouds=tuple(clouds.values()),
        projects=of_clouds(configuration.projects),
        divided_projects=of_clouds(configuration.divided_projects),
        named_projects=tuple(
            replace(each, cloud=clouds[each.cloud.name])
            for each in configuration.named_projects
        ),
        shard=shard,
    )


def _share(cloud: Cloud, number: int) -> Cloud:
    cloud = replace(cloud, shards=number)
    limit = cloud.rate_limit
    if limit is None:
        return cloud
    share = replace(
        limit,
        requests_per_second=limit.requests_per_second / number,
        burst=max(1, limit.burst // number),
    )
    return replace(cloud, rate_limit=share)
