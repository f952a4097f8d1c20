"""Collects all targets for a scrape, under one request scheduler; can be reconfigured."""

from __future__ import annotations

import asyncio

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from ..clock import Clock
from ..cloud.client import CloudClient
from ..cloud.response_memory import ResponseMemory
from ..cloud.scheduler import RequestScheduler
from ..collectors.base import Registry, Target
from ..config import CollectionSettings, Configuration, Project
from ..deadline import Deadline
from ..errors import Failure
from ..metrics.telemetry import Telemetry
from .containment import INTERNAL_ERROR
from .grouped_log import GroupedLog
from .offers import Absent, NotOffered, required
from .results import Latest, Outcome, Report
from .target import Run, TargetState


_NONE: Final[Mapping[Project, Failure]] = MappingProxyType({})


def _everything(target: Target) -> bool:
    return True


class Collector:
    """Collects the projects of a configuration, with the products of `registry`."""

    def __init__(
        self,
        configuration: Configuration,
        telemetry: Telemetry,
        registry: Registry,
        clock: Clock,
    ) -> None:
        self.registry = registry
        self._clock = clock
        self._telemetry = telemetry
        self._scheduler = RequestScheduler(
            configuration.collection.max_concurrent_requests
        )
        self._memory = ResponseMemory()
        self._log = GroupedLog()
        self._clients: dict[str, CloudClient] = {}
        self._targets: dict[Target, TargetState] = {}
        self._waits: set[asyncio.Timeout] = set()
        self._retired: set[TargetState] = set()
        self._retiring: set[asyncio.Task[None]] = set()
        self.configuration = configuration
        self._apply(configuration)

    def configure(
        self,
        configuration: Configuration,
        unavailable: Mapping[Project, Failure] = _NONE,
    ) -> None:
        """
        Use another configuration from the next scrape on.

        The `unavailable` projects fail for the reason given, without being asked.

        Unchanged clouds and projects keep their connections, tokens and results.
        Rejected credentials are tried once more, since they may have been corrected.
        Running scrapes finish with the configuration that they started with.
        """
        self._change(configuration, unavailable)
        for client in self._clients.values():
            client.try_credentials_again()
        for state in self._targets.values():
            state.expire_failure()

    def replace_projects(
        self,
        projects: tuple[Project, ...],
        unavailable: Mapping[Project, Failure] = _NONE,
    ) -> None:
        """
        Collect other projects from the next scrape on; all else stays as it is.

        The `unavailable` ones fail for the reason given, without being asked.
        """
        self._change(replace(self.configuration, projects=projects), unavailable)

    def client_of(self, cloud: str) -> CloudClient:
        """Return the client of the cloud of that name."""
        return self._clients[cloud]

    def _change(
        self, configuration: Configuration, unavailable: Mapping[Project, Failure]
    ) -> None:
        configuration = replace(
            configuration, projects=(*configuration.projects, *unavailable)
        )
        states, clients = self._targets.values(), list(self._clients.values())
        self._apply(configuration)
        for target, state in self._targets.items():
            state.known_failure = unavailable.get(target.project)
        kept = set(self._targets.values())
        retired = [state for state in states if state not in kept]
        closing = [client for client in clients if client not in self._clients.values()]
        if retired or closing:
            self._retired.update(retired)
            task = asyncio.create_task(self._retire(retired, closing))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)
        for gone in {client.cloud.name for client in clients} - self._clients.keys():
            self._telemetry.forget_cloud(gone)
        names = {project.name for project in configuration.projects}
        for project in (state.target.project for state in retired):
            if project.name not in names:
                self._telemetry.forget(project.cloud.name, project.name)

    def _apply(self, configuration: Configuration) -> None:
        settings = configuration.collection
        self._scheduler.max_in_flight = settings.max_concurrent_requests
        clients = {}
        for cloud in configuration.clouds:
            client = self._clients.get(cloud.name)
            if client is None or client.cloud != cloud:
                client = CloudClient(
                    cloud,
                    self._scheduler,
                    self._telemetry,
                    self._memory,
                    clock=self._clock,
                )
            clients[cloud.name] = client
        self._clients = clients
        self._targets = {
            target: self._state(target, settings)
            for target in self.registry.targets(configuration.projects)
        }
        self.configuration = configuration

    def _state(self, target: Target, settings: CollectionSettings) -> TargetState:
        state = self._targets.get(target)
        if state is not None and state.reconfigure(settings):
            return state
        client = self._clients[target.project.cloud.name]
        return TargetState(target, client, settings, self._telemetry, self._log)

    async def collect(
        self, seconds: float, wanted: Callable[[Target], bool] = _everything
    ) -> list[Report]:
        """
        Return a report of every wanted target within `seconds`.

        A collection that is not complete by then is a failure with reason `timeout`.
        """
        deadline = Deadline(seconds)
        outcomes = {
            state: state.recent()
            for target, state in self._targets.items()
            if wanted(target)
        }
        runs = {
            state: state.join(deadline)
            for state, outcome in outcomes.items()
            if outcome is None
        }
        try:
            await self._wait(list(runs.values()), deadline)
        except asyncio.CancelledError:
            for state, run in runs.items():
                state.abandon(run)
            raise
        for state, run in runs.items():
            outcomes[state] = outcome = state.outcome(run)
            state.leave(run, outcome)
        reports = _reports(
            {state: found for state, found in outcomes.items() if found is not None}
        )
        self._log.flush()
        return reports

    @property
    def scheduler(self) -> RequestScheduler:
        """The queue of all requests to all clouds."""
        return self._scheduler

    def failed(self, report: Report) -> Report:
        """Return the report of an internal error, since `report` cannot be encoded."""
        instead = report.failed(INTERNAL_ERROR)
        state = self._targets.get(report.target)
        if state is None:
            return instead
        replaced = state.replace_outcome(instead)
        self._log.flush()
        return replaced

    def latest(self) -> list[Latest]:
        """Return the last collection of every target; starts none."""
        return [state.latest for state in self._targets.values()]

    def end_within(self, seconds: float) -> None:
        """End every running scrape within `seconds`."""
        latest = asyncio.get_running_loop().time() + seconds
        for wait in self._waits:
            wait.reschedule(min(latest, wait.when() or latest))

    async def aclose(self) -> None:
        """Cancel running collections and close the clients of all clouds."""
        for state in (*self._targets.values(), *self._retired):
            await state.aclose()
        self._log.flush(at_end=True)
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

    async def _retire(
        self, states: list[TargetState], clients: list[CloudClient]
    ) -> None:
        for state in states:
            await state.ended()
            self._retired.discard(state)
        for client in clients:
            await client.aclose()
        current = [*self._targets.values(), *self._retired]
        projects = [state.target.project for state in current]
        for client in list(self._clients.values()):
            await client.retain(projects)


def _reports(outcomes: Mapping[TargetState, Outcome]) -> list[Report]:
    missing = {
        state.target
        for state, outcome in outcomes.items()
        if isinstance(outcome.result, NotOffered)
    }
    failing = required(missing)
    return [
        state.report(
            state.absent(outcome, is_failure=state.target in failing)
            if isinstance(outcome.result, Absent)
            else outcome
        )
        for state, outcome in outcomes.items()
    ]
