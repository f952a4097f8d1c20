"""The projects to collect, as the configuration and the clouds' lists say at any time."""

from __future__ import annotations

import asyncio

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

import structlog

from ...clock import Clock
from ...cloud.client import CloudClient
from ...config import (
    AccessKeyAuth,
    Cloud,
    Configuration,
    Discovery,
    EcsAgencyAuth,
    PasswordAuth,
    Project,
)
from .cloud_discovery import FIRST_SECONDS, CloudDiscovery, ListSettings, ListStatus
from .known_projects import KnownProjects
from .refresher import Pause, pause
from .selection import MissingProject, Selection, select
from .workspace_lists import WorkspaceLists


log: Final = structlog.get_logger(__name__)

_MAX_NAMES_LOGGED: Final = 5


class ProjectDiscovery:
    """
    Lists the projects of all clouds that need it, and selects from them.

    `client_of` returns the client of a cloud by its name. `on_change` is called when
    other projects are to be collected; it is not called for those that `selection_for`
    returned to begin with.
    """

    def __init__(
        self,
        configuration: Configuration,
        client_of: Callable[[str], CloudClient],
        on_change: Callable[[Selection], None],
        *,
        clock: Clock,
        pause: Pause = pause,
    ) -> None:
        self._client_of = client_of
        self._on_change = on_change
        self._clock = clock
        self._pause = pause
        self._clouds: dict[str, CloudDiscovery] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._workspaces = WorkspaceLists()
        self.configure(configuration)

    def configure(self, configuration: Configuration) -> None:
        """
        Use another configuration, and list the projects of all clouds at once.

        `client_of` must return the clients of this configuration by now. What is known
        of a cloud is kept as long as it is the same account and region.
        """
        clouds = {}
        for cloud in configuration.clouds:
            settings = _list_settings(configuration, cloud)
            if settings is not None:
                clouds[cloud.name] = self._cloud(cloud, settings)
        for gone in self._clouds.values():
            if gone not in clouds.values():
                self._close(gone)
        self.selection = self.selection_for(configuration)
        self._configuration = configuration
        self._clouds = clouds

    def selection_for(self, configuration: Configuration) -> Selection:
        """Return what is to be collected with `configuration`, by the lists so far."""
        known = {cloud.name: self._known(cloud) for cloud in configuration.clouds}
        lists = {
            name: each.projects
            for name, each in known.items()
            if each.projects is not None
        }
        return select(configuration, lists, self._workspaces.by_project)

    @property
    def is_complete(self) -> bool:
        """Whether every cloud with discovery has been listed at least once."""
        return all(
            self._known(cloud).projects is not None
            for cloud in self._configuration.clouds
            if cloud.discovery is not None
        )

    @property
    def is_up(self) -> bool:
        """Whether the last list of every cloud succeeded, and no project is missing."""
        return not self.selection.missing and all(
            status.is_up for status in self.statuses.values()
        )

    @property
    def statuses(self) -> dict[str, ListStatus]:
        """How the last lists went, by the name of the cloud."""
        return {name: cloud.status for name, cloud in self._clouds.items()}

    @property
    def discovering(self) -> dict[str, ListStatus]:
        """How the last lists went of the clouds with discovery, by their names."""
        return {
            cloud.name: self._clouds[cloud.name].status
            for cloud in self._configuration.clouds
            if cloud.discovery is not None and cloud.name in self._clouds
        }

    async def first_lists(self) -> None:
        """Wait for the first list of every cloud, ten seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SECONDS):
                for cloud in list(self._clouds.values()):
                    await cloud.attempted()

    async def aclose(self) -> None:
        """Cancel all lists that are under way, and start no more."""
        for cloud in self._clouds.values():
            self._close(cloud)
        self._clouds = {}
        while self._closing:
            await asyncio.wait(self._closing)

    def _cloud(self, cloud: Cloud, settings: ListSettings) -> CloudDiscovery:
        client = self._client_of(cloud.name)
        found = self._clouds.get(cloud.name)
        if found is not None and found.client is client:
            found.configure(settings)
            return found
        return CloudDiscovery(
            client,
            self._known(cloud),
            settings,
            self._listed,
            clock=self._clock,
            pause=self._pause,
        )

    def _known(self, cloud: Cloud) -> KnownProjects:
        found = self._clouds.get(cloud.name)
        if found is None or _account(found.client.cloud) != _account(cloud):
            return KnownProjects(cloud.region)
        return found.known

    def _close(self, cloud: CloudDiscovery) -> None:
        task = asyncio.create_task(cloud.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _listed(self, cloud: CloudDiscovery) -> None:
        """Select anew after a list of `cloud`, and once more with its workspaces."""
        if self._clouds.get(cloud.name) is not cloud:
            return
        self._select()
        divided = [
            project
            for project in self.selection.divided
            if project.cloud.name == cloud.name
        ]
        if divided:
            await self._workspaces.refresh(cloud.client, divided)
            self._select()
        self._workspaces.retain(self.selection.divided)

    def _select(self) -> None:
        before, after = self.selection, self.selection_for(self._configuration)
        if (before.projects, before.missing) != (after.projects, after.missing):
            _log_changes(before.projects, after.projects)
            _log_missing(before.missing, after.missing)
            self._on_change(after)
        # Not before: if that raises an exception, the next list tries it again.
        self.selection = after


def _list_settings(configuration: Configuration, cloud: Cloud) -> ListSettings | None:
    """Return what is to be listed of `cloud`; None if nothing is."""
    names = [
        each for each in configuration.named_projects if each.cloud.name == cloud.name
    ]
    divided = [
        each for each in configuration.divided_projects if each.cloud.name == cloud.name
    ]
    if not (cloud.discovery or names or divided):
        return None
    interval = (cloud.discovery or Discovery()).refresh_interval
    return ListSettings(
        cloud.discovery is not None,
        tuple(each.project_name for each in names),
        interval,
    )


def _account(cloud: Cloud) -> tuple[str, ...]:
    """Return what identifies the account and region of a cloud's lists."""
    match cloud.auth:
        case PasswordAuth(username=username, domain=domain):
            holder = (username, domain)
        case AccessKeyAuth(access_key=access_key):
            holder = (access_key, "")
        case EcsAgencyAuth(metadata_url=url):
            holder = (url, "")
    return cloud.iam_url, cloud.region, *holder


def _log_changes(before: Iterable[Project], after: Iterable[Project]) -> None:
    old = {(each.project_id, each.workspace_id): each.name for each in before}
    new = {(each.project_id, each.workspace_id): each.name for each in after}
    if old == new:
        return
    log.info(
        "other projects are collected now",
        added=_named(new[key] for key in new.keys() - old.keys()),
        removed=_named(old[key] for key in old.keys() - new.keys()),
        renamed=_named(
            f"{old[key]} -> {new[key]}"
            for key in old.keys() & new.keys()
            if old[key] != new[key]
        ),
        projects=len(new),
    )


def _log_missing(
    before: Sequence[MissingProject], after: Sequence[MissingProject]
) -> None:
    for missing in after:
        if missing not in before:
            log.warning(
                "project cannot be collected",
                project=missing.project.name,
                project_name=missing.project.project_name,
                cloud=missing.project.cloud.name,
                problem=missing.failure.problem,
                advice=missing.failure.advice,
            )


def _named(names: Iterable[str]) -> str | None:
    """Return the first few names and the number of the others; None without any."""
    ordered = sorted(names)
    shown = ", ".join(ordered[:_MAX_NAMES_LOGGED])
    more = len(ordered) - _MAX_NAMES_LOGGED
    return f"{shown} and {more} more" if more > 0 else shown or None
