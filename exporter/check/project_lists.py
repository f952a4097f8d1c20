"""Lists the projects for the commands check and projects."""

from __future__ import annotations

import asyncio

from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Final

from ..clock import Clock
from ..cloud.client import CloudClient
from ..cloud.discovery.project_list import ProjectList, ProjectLister
from ..cloud.response_memory import ResponseMemory
from ..cloud.scheduler import RequestScheduler
from ..collection.discovery.selection import select
from ..collection.discovery.workspace_lists import WorkspaceLists
from ..config import Cloud, Configuration, Discovery
from ..deadline import Deadline
from ..errors import CollectionError, Failure, Reason
from ..metrics.telemetry import Telemetry
from .project_table import ProjectReport


_SECONDS: Final = 10.0


async def list_projects(configuration: Configuration, clock: Clock) -> ProjectReport:
    """
    List the projects of every cloud.

    A cloud without discovery is shown as if it discovered everything.
    """
    discovering = replace(
        configuration,
        clouds=tuple(
            replace(cloud, discovery=cloud.discovery or Discovery())
            for cloud in configuration.clouds
        ),
    )
    names = {cloud.name for cloud in configuration.clouds}
    report = await _listed(discovering, names, clock)
    return replace(report, configuration=configuration)


async def find_projects(configuration: Configuration, clock: Clock) -> ProjectReport:
    """List the projects of the clouds that the exporter lists, and no others."""
    names = {cloud.name for cloud in configuration.clouds if cloud.discovery}
    names |= {project.cloud.name for project in configuration.named_projects}
    names |= {project.cloud.name for project in configuration.divided_projects}
    return await _listed(configuration, names, clock)


async def _listed(
    configuration: Configuration, names: Collection[str], clock: Clock
) -> ProjectReport:
    scheduler = RequestScheduler(configuration.collection.max_concurrent_requests)
    telemetry, memory = Telemetry(), ResponseMemory()
    lists, failures = {}, {}
    async with AsyncExitStack() as closing:
        clients = {}
        for cloud in configuration.clouds:
            if cloud.name in names:
                client = CloudClient(cloud, scheduler, telemetry, memory, clock=clock)
                closing.push_async_callback(client.aclose)
                clients[cloud.name] = client
        found = await asyncio.gather(
            *(
                _list(client, _project_names(configuration, client.cloud))
                for client in clients.values()
            )
        )
        for name, outcome in zip(clients, found, strict=True):
            if isinstance(outcome, Failure):
                failures[name] = outcome
            else:
                lists[name] = outcome
        listed = {name: each.projects for name, each in lists.items()}
        selection = select(configuration, listed, {})
        workspaces = WorkspaceLists()
        for name, client in clients.items():
            divided = [each for each in selection.divided if each.cloud.name == name]
            await workspaces.refresh(client, divided)
        selection = select(configuration, listed, workspaces.by_project)
    return ProjectReport(configuration, selection, lists, failures)


def _project_names(configuration: Configuration, cloud: Cloud) -> list[str]:
    """Return what is looked up one by one if no list is allowed, as the exporter does."""
    if cloud.discovery is not None:
        return []
    named = configuration.named_projects
    return [each.project_name for each in named if each.cloud.name == cloud.name]


async def _list(client: CloudClient, names: Sequence[str]) -> ProjectList | Failure:
    try:
        async with asyncio.timeout(_SECONDS):
            lister = ProjectLister(client)
            return await lister.list_projects(Deadline(_SECONDS), names)
    except CollectionError as error:
        return error.failure
    except TimeoutError:
        return Failure(
            reason=Reason.TIMEOUT,
            problem=f"no list of projects within {_SECONDS:.0f} s",
            advice="check the network and the cloud's iam_url",
        )
