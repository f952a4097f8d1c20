"""Collects all projects for a scrape, under one request scheduler; can be reconfigured."""

from __future__ import annotations

import asyncio

from collections.abc import Callable, Sequence

from ..cloud.client import CloudClient
from ..cloud.response_memory import ResponseMemory
from ..cloud.scheduler import RequestScheduler
from ..config import CollectionSettings, Configuration, Project
from ..deadline import Deadline
from ..kinds import Kind
from ..metrics.telemetry import Telemetry
from .containment import INTERNAL_ERROR
from .results import Latest, Report
from .target import Run, Target


def _everything(project: Project, kind: Kind) -> bool:
    return True


class Collector:
    """Collects the projects of a configuration."""

    def __init__(self, configuration: Configuration, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._scheduler = RequestScheduler(
            configuration.collection.max_concurrent_requests
        )
        self._memory = ResponseMemory()
        self._clients: dict[str, CloudClient] = {}
        self._targets: list[Target] = []
        self._waits: set[asyncio.Timeout] = set()
        self._retired: set[Target] = set()
        self._retiring: set[asyncio.Task[None]] = set()
        self.configuration = configuration
        self._apply(configuration)

    def configure(self, configuration: Configuration) -> None:
        """
        Use another configuration from the next scrape on.

        Unchanged clouds and projects keep their connections, tokens and results.
        Rejected credentials are tried once more, since they may have been corrected.
        Running scrapes finish with the configuration that they started with.
        """
        targets, clients = self._targets, list(self._clients.values())
        self._apply(configuration)
        for client in self._clients.values():
            client.try_credentials_again()
        for target in self._targets:
            target.expire_failure()
        retired = [target for target in targets if target not in self._targets]
        closing = [client for client in clients if client not in self._clients.values()]
        if retired or closing:
            self._retired.update(retired)
            task = asyncio.create_task(self._retire(retired, closing))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)
        for gone in {client.cloud.name for client in clients} - self._clients.keys():
            self._telemetry.forget_cloud(gone)
        names = {project.name for project in configuration.projects}
        for target in retired:
            if target.project.name not in names:
                self._telemetry.forget(target.project.cloud.name, target.project.name)

    def _apply(self, configuration: Configuration) -> None:
        settings = configuration.collection
        self._scheduler.max_in_flight = settings.max_concurrent_requests
        clients = {}
        for cloud in configuration.clouds:
            client = self._clients.get(cloud.name)
            if client is None or client.cloud != cloud:
                client = CloudClient(
                    cloud, self._scheduler, self._telemetry, self._memory
                )
            clients[cloud.name] = client
        self._clients = clients
        self._targets = [
            self._target(project, kind, settings)
            for project in configuration.projects
            for kind in project.kinds
        ]
        self.configuration = configuration

    def _target(
        self, project: Project, kind: Kind, settings: CollectionSettings
    ) -> Target:
        for target in self._targets:
            if target.fits(project, kind, settings):
                target.reconfigure(settings)
                return target
        client = self._clients[project.cloud.name]
        return Target(project, kind, client, settings, self._telemetry)

    async def collect(
        self, seconds: float, wanted: Callable[[Project, Kind], bool] = _everything
    ) -> list[Report]:
        """
        Return a report of every wanted project and kind within `seconds`.

        A collection that is not complete by then is a failure with reason `timeout`.
        """
        deadline = Deadline(seconds)
        outcomes = {
            target: target.recent()
            for target in self._targets
            if wanted(target.project, target.kind)
        }
        runs = {
            target: target.join(deadline)
            for target, outcome in outcomes.items()
            if outcome is None
        }
        try:
            await self._wait(list(runs.values()), deadline)
        except asyncio.CancelledError:
            for target, run in runs.items():
                target.abandon(run)
            raise
        for target, run in runs.items():
            outcomes[target] = outcome = target.outcome(run)
            target.leave(run, outcome)
        return [
            target.report(outcome)
            for target, outcome in outcomes.items()
            if outcome is not None
        ]

    @property
    def scheduler(self) -> RequestScheduler:
        """The queue of all requests to all clouds."""
        return self._scheduler

    def failed(self, report: Report) -> Report:
        """Return the report of an internal error, since `report` cannot be encoded."""
        instead = report.failed(INTERNAL_ERROR)
        for target in self._targets:
            if (target.project, target.kind) == (report.project, report.kind):
                return target.replace_outcome(instead)
        return instead

    def latest(self) -> list[Latest]:
        """Return the last collection of every project and kind; starts none."""
        return [target.latest for target in self._targets]

    def end_within(self, seconds: float) -> None:
        """End every running scrape within `seconds`."""
        latest = asyncio.get_running_loop().time() + seconds
        for wait in self._waits:
            wait.reschedule(min(latest, wait.when() or latest))

    async def aclose(self) -> None:
        """Cancel running collections and close the clients of all clouds."""
        for target in (*self._targets, *self._retired):
            await target.aclose()
        await asyncio.gather(*self._retiring)
        for client in self._clients.values():
            await client.aclose()

    async def _wait(self, runs: Sequence[Run], deadline: Deadline) -> None:
        try:
            async with asyncio.timeout_at(deadline.at) as wait:
                self._waits.add(wait)
                if runs:
                    await asyncio.wait([run.task for run in runs])
        except TimeoutError:
            pass
        finally:
            self._waits.discard(wait)

    async def _retire(self, targets: list[Target], clients: list[CloudClient]) -> None:
        for target in targets:
            await target.ended()
            self._retired.discard(target)
        for client in clients:
            await client.aclose()
        projects = [target.project for target in (*self._targets, *self._retired)]
        for client in list(self._clients.values()):
            await client.retain(projects)
