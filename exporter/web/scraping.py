"""Answers scrapes: collects and encodes; also reloads the configuration."""

from __future__ import annotations

import asyncio

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final

import structlog

from ..clock import Clock
from ..collection.collector import Collector
from ..collection.containment import failing_alone
from ..collection.discovery.metric_families import discovery_families
from ..collection.discovery.project_discovery import ProjectDiscovery
from ..collection.metric_families import families, flavor_prices
from ..collection.results import Report
from ..collectors.base import Target
from ..config import Configuration, Project
from ..errors import ConfigurationError, Failure
from ..metrics.exposition import Format, compress, encoded
from ..metrics.family import Family
from ..metrics.name_filter import EVERYTHING, NameFilter
from ..metrics.telemetry import Telemetry
from .probe_account import account


log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The format and compression that a scraper accepts."""

    format: Format
    zipped: bool


@dataclass(slots=True)
class Exporter:
    """The collector, discovery, their configuration and the exporter's own metrics."""

    load: Callable[[], Configuration]
    collector: Collector
    discovery: ProjectDiscovery
    telemetry: Telemetry
    clock: Clock
    names: NameFilter = EVERYTHING
    started: float = field(init=False)
    configuration_read: float = field(init=False)
    errors: Sequence[str] = ()
    """Errors of the last reload; empty if it succeeded."""

    def __post_init__(self) -> None:
        """Record the configuration as read now."""
        self.started = self.configuration_read = self.clock()
        self.telemetry.configuration_read(self.started)

    async def metrics(self, seconds: float, response_format: ResponseFormat) -> bytes:
        """Collect for at most `seconds` and return all metrics, encoded."""
        projects = self.collector.configuration.projects
        reports = await self.collector.collect(seconds)
        body, _ = await self._encoded(
            projects, reports, response_format, self.telemetry
        )
        return body

    async def once(self, seconds: float) -> tuple[bytes, bool]:
        """Return the projects' metrics as text, and whether all were collected."""
        projects = self.collector.configuration.projects
        reports = await self.collector.collect(seconds)
        response_format = ResponseFormat(Format.TEXT, zipped=False)
        body, encoded = await self._encoded(projects, reports, response_format, None)
        is_complete = self.discovery.is_up and not any(
            isinstance(report.outcome.result, Failure) for report in encoded
        )
        return body, is_complete

    async def probe(
        self,
        project: Project,
        kinds: Collection[str],
        seconds: float,
        response_format: ResponseFormat,
    ) -> bytes:
        """Collect one project for at most `seconds` and return its metrics, encoded."""
        reports = await self._collect_project(project, kinds, seconds)
        body, _ = await self._encoded([project], reports, response_format, None)
        return body

    async def explained_probe(
        self, project: Project, kinds: Collection[str], seconds: float
    ) -> bytes:
        """Collect one project; return an account of every request, and the metrics."""
        reports = await self._collect_project(project, kinds, seconds)
        response_format = ResponseFormat(Format.TEXT, zipped=False)
        body, encoded = await self._encoded([project], reports, response_format, None)
        return account(project, encoded).encode() + body

    def own_metrics(self, response_format: ResponseFormat) -> bytes:
        """Return the exporter's own metrics, encoded."""
        return self._encode(self._own(), self.telemetry, response_format)

    def reload(self) -> None:
        """
        Reload the configuration.

        Raises `ConfigurationError` if it has errors; the old one then stays in use.
        """
        try:
            configuration = self.load()
        except ConfigurationError as error:
            self.telemetry.configuration_refused()
            self.errors = error.lines()
            for line in self.errors:
                log.error("configuration not reloaded", error=line)  # noqa: TRY400
            raise
        selection = self.discovery.selection_for(configuration)
        self.collector.configure(
            replace(configuration, projects=selection.projects), selection.unavailable
        )
        self.discovery.configure(configuration)
        self.configuration_read, self.errors = self.clock(), ()
        self.telemetry.configuration_read(self.configuration_read)
        projects = self.collector.configuration.projects
        log.info("configuration reloaded", projects=len(projects))

    def _own(self) -> list[Family]:
        """Return the families that are of no project, but for those of telemetry."""
        prices = self.collector.configuration.prices
        own = chain(discovery_families(self.discovery), flavor_prices(prices))
        return [family.kept() for family in own]

    async def _collect_project(
        self, project: Project, kinds: Collection[str], seconds: float
    ) -> list[Report]:
        def wanted(target: Target) -> bool:
            return target.project.name == project.name and target.kind in kinds

        return await self.collector.collect(seconds, wanted)

    async def _encoded(
        self,
        projects: Sequence[Project],
        reports: Sequence[Report],
        response_format: ResponseFormat,
        telemetry: Telemetry | None,
    ) -> tuple[bytes, Sequence[Report]]:
        own = self._own() if telemetry else []

        def body(some: Sequence[Report]) -> bytes:
            collected = families(self.collector.registry, some, projects)
            return self._encode(chain(collected, own), telemetry, response_format)

        # In a thread, since encoding many projects takes long.
        try:
            return await asyncio.to_thread(body, reports), reports
        except Exception:
            failing = await asyncio.to_thread(failing_alone, reports, body)
            if not failing:
                raise
        contained = [
            self.collector.failed(report)
            if any(report is failed for failed in failing)
            else report
            for report in reports
        ]
        return await asyncio.to_thread(body, contained), contained

    def _encode(
        self,
        collected: Iterable[Family],
        telemetry: Telemetry | None,
        response_format: ResponseFormat,
    ) -> bytes:
        registry = self.names.registry(telemetry.registry) if telemetry else None
        pieces = encoded(self.names.of(collected), registry, response_format.format)
        return compress(pieces) if response_format.zipped else b"".join(pieces)
